"""Workarounds, promised dates, quality records, and what a fault came from."""

import sqlalchemy as sa
from alembic import op

from schemas.columns import UtcInstant

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

TEXTS = ("caused_by", "quality_record", "workaround_accepted_by")
INSTANTS = ("due_at", "worked_around_at")


def upgrade() -> None:
    for name in TEXTS:
        op.add_column("ticket", sa.Column(name, sa.Text(), nullable=True))
    for name in INSTANTS:
        op.add_column("ticket", sa.Column(name, UtcInstant(), nullable=True))


def downgrade() -> None:
    for name in (*INSTANTS, *TEXTS):
        op.drop_column("ticket", name)
