"""Alembic's entry: `services.db.migrate` hands over the engine; PostgreSQL runs the whole upgrade in one transaction."""

from alembic import context
from sqlalchemy import Connection, Engine, text
from sqlmodel import SQLModel

import schemas.tables  # noqa: F401 (fills the metadata)

MIGRATION_LOCK = 4_711_250_001


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, transaction_per_migration=False, render_as_batch=False)
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        context.run_migrations()


engine: Engine = context.config.attributes["engine"]
with engine.connect().execution_options(hypercare_write=True) as opened:
    run(opened)
