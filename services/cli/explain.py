"""`hypercare explain`: why the classifier decided as it did, and whether it would decide the same today."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy import Connection, select
from typer import Argument

from schemas.entries import Entry
from schemas.events import EVENTS, TicketClassified
from schemas.tables import ENTRIES
from services.classifier import Decider, learned
from services.cli.options import flat
from services.cli.storage import migrated_database
from services.cli.terminal import Output, complain, table
from services.errors import NotFound
from services.runner import Occurrence
from services.settings import load_settings
from services.teams import load_teams
from services.tickets import fold

app = typer.Typer(add_completion=False)

SOURCES = ("model", "rules", "configuration")


class Again(NamedTuple):
    """What became of deciding anew: `verdict` in words; `same` is None where it cannot be told here."""

    same: bool | None
    verdict: str
    differs: tuple[str, ...] = ()


@app.command()
@flat
def explain(ticket: Annotated[str, Argument(help="Id of a ticket, e.g. HC-1.")], output: Output) -> None:
    """Show what the classifier decided about a ticket and why, and decide it again to compare bit for bit.

    Fails where the same model, rules and configuration decide otherwise today.
    """
    with migrated_database() as database, database.read() as connection:
        life = _life(connection, ticket)
    decided = [entry for entry in life if entry.type == TicketClassified.__name__]
    if not decided:
        raise NotFound(f"{ticket} was not classified yet; is a classifier running? `hypercare doctor` tells")
    entry = decided[-1]
    event = TicketClassified.model_validate(entry.data)
    again = _again(life, entry, event)
    output.show(_told(entry, event, again), table(("", ""), list(_lines(entry, event, again))))
    if again.same is False:
        complain(f"{ticket}: {again.verdict}")
        raise typer.Exit(1)


def _life(connection: Connection, ticket: str) -> list[Entry]:
    rows = connection.execute(select(ENTRIES).where(ENTRIES.c.ticket == ticket).order_by(ENTRIES.c.seq)).mappings()
    life = [Entry.model_construct(**row) for row in rows]
    if not life:
        raise NotFound(f"There is no ticket {ticket} in this database; HYPERCARE_DATABASE_URL names another")
    return life


def _again(life: Sequence[Entry], entry: Entry, event: TicketClassified) -> Again:
    """Decide anew from the ticket as it stood then, if what decided then is at hand."""
    settings = load_settings()
    model, floors = learned(settings)
    decider = Decider(lambda: model, floors, load_teams(settings.teams_file))
    here = {"model": model.version, "rules": floors.digest, "configuration": decider.teams.digest()}
    other = [name for name in SOURCES if here[name] != getattr(event, name)]
    if other:
        return Again(None, f"decided by another {', '.join(other)}; name what decided then in the settings to compare")
    before = fold(each for each in life if each.seq < entry.seq)
    cause = next(each for each in life if each.id == entry.cause)
    if before is None:
        return Again(None, "the ticket has no submission before the decision")
    (followed,) = decider.decide([Occurrence(cause, EVENTS[cause.type].model_validate(cause.data), before)])
    made = followed[0].model_dump(mode="json", exclude_none=True)
    differs = tuple(sorted(name for name in {*made, *entry.data} if made.get(name) != entry.data.get(name)))
    return Again(not differs, f"decided otherwise in {', '.join(differs)}" if differs else "decided the same, bit for bit", differs)


def _told(entry: Entry, event: TicketClassified, again: Again) -> dict[str, Any]:
    when = {"ticket": entry.ticket, "seq": entry.seq, "recorded_at": entry.recorded_at}
    return when | {"decision": event.model_dump(mode="json"), "recomputed": again._asdict()}


def _lines(entry: Entry, event: TicketClassified, again: Again) -> Iterable[tuple[str, object]]:
    prediction = event.prediction
    yield "decided", f"{entry.recorded_at:%Y-%m-%d %H:%M:%S} UTC, entry {entry.seq}"
    yield (
        "system",
        f"{event.system}, {prediction.get('confidence', 0):.0%} sure; from {prediction.get('threshold', 0):.0%} on it is routed alone",
    )
    yield "also possible", ", ".join(prediction.get("prediction_set", ())[1:]) or "nothing else"
    yield "severity", f"{event.severity}, by {event.decided_by}"
    yield from (("because", reason) for reason in event.reasons)
    yield "GxP", event.gxp
    yield from (("heard", f"{word['term'].removeprefix('concept:')} (+{word['weight']:.2f})") for word in prediction.get("words", ()))
    yield from (("by " + name, getattr(event, name)) for name in SOURCES)
    yield "again today", again.verdict
