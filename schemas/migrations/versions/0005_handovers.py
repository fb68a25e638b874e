"""Deliveries that are about no ticket: what a shift hands to the next."""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    _ticket(nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM delivery WHERE ticket IS NULL")
    _ticket(nullable=False)


def _ticket(nullable: bool) -> None:
    """SQLite cannot change a column: there the table is copied."""
    with op.batch_alter_table("delivery", table_kwargs={"sqlite_strict": True}) as table:
        table.alter_column("ticket", existing_type=sa.Text(), nullable=nullable)
