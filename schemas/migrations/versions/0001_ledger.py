"""The ledger and what its events make: append-only by trigger on both databases, and by role on PostgreSQL."""

import sqlalchemy as sa
from alembic import op

from schemas.columns import BIG, Flag, JsonText, UtcInstant

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

ROLE = "hypercare_service"
CHANGING = ("ticket", "head", "idempotency_key", "origin", "consumer", "handled", "delivery", "dead_letter")


def upgrade() -> None:
    _create_tables()
    op.execute(
        "INSERT INTO head (id, seq, digest, recorded_at, tickets) VALUES (1, 0, '" + "0" * 64 + "', '1970-01-01T00:00:00.000000+00:00', 0)"
    )
    if op.get_bind().dialect.name == "postgresql":
        _guard_on_postgres()
    else:
        _guard_on_sqlite()


def downgrade() -> None:
    op.drop_table("ticket")
    op.drop_table("origin")
    op.drop_table("idempotency_key")
    op.drop_table("head")
    op.drop_table("handled")
    op.drop_table("entry")
    op.drop_table("delivery")
    op.drop_table("dead_letter")
    op.drop_table("consumer")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_ledger_change")


def _create_tables() -> None:
    op.create_table(
        "consumer",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("listens_to", JsonText(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("content", JsonText(), nullable=False),
        sa.Column("arrived_at", UtcInstant(), nullable=False),
        sa.Column("settled_at", UtcInstant(), nullable=True),
        sqlite_strict=True,
    )
    op.create_index("ix_dead_letter_state", "dead_letter", ["state"])
    op.create_table(
        "delivery",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("requested_at", UtcInstant(), nullable=False),
        sa.Column("due_at", UtcInstant(), nullable=False),
        sa.Column("sent_at", UtcInstant(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sqlite_strict=True,
    )
    op.create_index("ix_delivery_due_at", "delivery", ["due_at"])
    op.create_index("ix_delivery_state", "delivery", ["state"])
    op.create_index("ix_delivery_ticket", "delivery", ["ticket"])
    op.create_table(
        "entry",
        sa.Column("seq", BIG, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text(), nullable=False, unique=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=True),
        sa.Column("ticket_version", BIG, nullable=False),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.Column("occurred_at", UtcInstant(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("data", JsonText(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_entry_recorded_at", "entry", ["recorded_at"])
    op.create_index("ix_entry_ticket", "entry", ["ticket"])
    op.create_index("ix_entry_type", "entry", ["type"])
    op.create_table(
        "handled",
        sa.Column("consumer", sa.Text(), primary_key=True),
        sa.Column("event", sa.Text(), primary_key=True),
        sa.Column("handled_at", UtcInstant(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sqlite_strict=True,
    )
    op.create_table(
        "head",
        sa.Column("id", BIG, primary_key=True, autoincrement=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("tickets", BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "idempotency_key",
        sa.Column("caller", sa.Text(), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("body_digest", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("used_at", UtcInstant(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "origin",
        sa.Column("source_system", sa.Text(), primary_key=True),
        sa.Column("source_id", sa.Text(), primary_key=True),
        sa.Column("ticket", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "ticket",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("version", BIG, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("reporter_role", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("reported_severity", sa.Text(), nullable=True),
        sa.Column("area", sa.Text(), nullable=True),
        sa.Column("equipment", sa.Text(), nullable=True),
        sa.Column("process_order", sa.Text(), nullable=True),
        sa.Column("batch", sa.Text(), nullable=True),
        sa.Column("stopped", sa.Text(), nullable=True),
        sa.Column("workaround", sa.Text(), nullable=True),
        sa.Column("source_system", sa.Text(), nullable=True),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("system", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("severity_confirmed", Flag(), nullable=False),
        sa.Column("gxp", sa.Text(), nullable=False),
        sa.Column("gxp_confirmed", Flag(), nullable=False),
        sa.Column("decision", JsonText(), nullable=True),
        sa.Column("moved_from", JsonText(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("waiting_for", sa.Text(), nullable=True),
        sa.Column("cause_system", sa.Text(), nullable=True),
        sa.Column("cause_class", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("duplicate_of", sa.Text(), nullable=True),
        sa.Column("reopened", BIG, nullable=False),
        sa.Column("occurred_at", UtcInstant(), nullable=False),
        sa.Column("submitted_at", UtcInstant(), nullable=False),
        sa.Column("routed_at", UtcInstant(), nullable=True),
        sa.Column("acknowledged_at", UtcInstant(), nullable=True),
        sa.Column("resolved_at", UtcInstant(), nullable=True),
        sa.Column("closed_at", UtcInstant(), nullable=True),
        sa.Column("changed_at", UtcInstant(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_ticket_severity", "ticket", ["severity"])
    op.create_index("ix_ticket_site", "ticket", ["site"])
    op.create_index("ix_ticket_state", "ticket", ["state"])
    op.create_index("ix_ticket_submitted_at", "ticket", ["submitted_at"])
    op.create_index("ix_ticket_system", "ticket", ["system"])


def _guard_on_sqlite() -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER entry_refuses_{verb.lower()} BEFORE {verb} ON entry "
            f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {verb} refused'); END"
        )


def _guard_on_postgres() -> None:
    op.execute(
        "CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'the ledger is append-only: % refused', TG_OP; END $$"
    )
    op.execute(
        "CREATE TRIGGER entry_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON entry "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()"
    )
    op.execute(f"DO $$ BEGIN CREATE ROLE {ROLE} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$")
    op.execute(f"GRANT {ROLE} TO CURRENT_USER")
    op.execute(f"GRANT USAGE ON SCHEMA public TO {ROLE}")
    op.execute(f"GRANT SELECT, INSERT ON entry TO {ROLE}")
    op.execute(f"GRANT SELECT ON alembic_version TO {ROLE}")
    for table in CHANGING:
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO {ROLE}")
