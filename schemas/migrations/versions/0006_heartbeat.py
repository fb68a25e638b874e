"""When the auditor of climbs last did its round."""

import sqlalchemy as sa
from alembic import op

from schemas.columns import UtcInstant

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

ROLE = "hypercare_service"


def upgrade() -> None:
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("beaten_at", UtcInstant(), nullable=False),
        sqlite_strict=True,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON heartbeat TO {ROLE}")


def downgrade() -> None:
    op.drop_table("heartbeat")
