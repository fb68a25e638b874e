"""Groups of tickets, known errors, and two more fields of a report."""

import sqlalchemy as sa
from alembic import op

from schemas.columns import BIG, Flag, UtcInstant

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

ROLE = "hypercare_service"
ADDED = ("clock", "people_affected", "parent", "kept_apart")


def upgrade() -> None:
    op.add_column("ticket", sa.Column("clock", sa.Text(), nullable=True))
    op.add_column("ticket", sa.Column("people_affected", BIG, nullable=True))
    op.add_column("ticket", sa.Column("parent", sa.Text(), nullable=True))
    op.add_column("ticket", sa.Column("kept_apart", Flag(), nullable=False, server_default="0"))
    op.create_index("ix_ticket_parent", "ticket", ["parent"])
    op.create_table(
        "known_error",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("symptom", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("workaround", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=True),
        sa.Column("hits", BIG, nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("approved_at", UtcInstant(), nullable=True),
        sa.Column("retired_at", UtcInstant(), nullable=True),
        sqlite_strict=True,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON known_error TO {ROLE}")


def downgrade() -> None:
    op.drop_table("known_error")
    op.drop_index("ix_ticket_parent", "ticket")
    for column in reversed(ADDED):
        op.drop_column("ticket", column)
