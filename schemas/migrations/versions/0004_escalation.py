"""Steps of the ladders that tickets climb."""

import sqlalchemy as sa
from alembic import op

from schemas.columns import BIG, UtcInstant

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

ROLE = "hypercare_service"
INDEXED = ("due_at", "state", "ticket")


def upgrade() -> None:
    op.create_table(
        "escalation_step",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("cycle", BIG, nullable=False),
        sa.Column("step", BIG, nullable=False),
        sa.Column("begun_at", UtcInstant(), nullable=False),
        sa.Column("due_at", UtcInstant(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("settled_at", UtcInstant(), nullable=True),
        sqlite_strict=True,
    )
    for column in INDEXED:
        op.create_index(f"ix_escalation_step_{column}", "escalation_step", [column])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON escalation_step TO {ROLE}")


def downgrade() -> None:
    op.drop_table("escalation_step")
