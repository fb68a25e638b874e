"""When something happened, in SQL."""

from datetime import datetime

from sqlalchemy import ColumnElement, case

from schemas.tables import ENTRIES
from services.lifecycle import HISTORY

HAPPENED_AT: ColumnElement[datetime] = case((ENTRIES.c.role == HISTORY, ENTRIES.c.occurred_at), else_=ENTRIES.c.recorded_at)
"""`services.lifecycle.happened_at` of a row of the ledger."""
