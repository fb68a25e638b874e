"""`hypercare explain`: why the classifier decided as it did, and whether it would decide the same today."""

from collections.abc import Iterable
from typing import Annotated

import typer
from typer import Argument

from services.classifier import Explanation, explanation
from services.cli.options import flat
from services.cli.storage import migrated_database
from services.cli.terminal import Output, complain, table
from services.settings import load_settings

app = typer.Typer(add_completion=False)

SOURCES = ("model", "rules", "configuration")


@app.command()
@flat
def explain(ticket: Annotated[str, Argument(help="Id of a ticket, e.g. HC-1.")], output: Output) -> None:
    """Show what the classifier decided about a ticket and why, and decide it again to compare bit for bit.

    Fails where the same model, rules and configuration decide otherwise today.
    """
    with migrated_database() as database, database.read() as connection:
        told = explanation(connection, load_settings(), ticket)
    output.show(told.model_dump(mode="json"), table(("", ""), list(_lines(told))))
    if told.recomputed.same is False:
        complain(f"{ticket}: {told.recomputed.verdict}")
        raise typer.Exit(1)


def _lines(told: Explanation) -> Iterable[tuple[str, object]]:
    entry, event, prediction = told.entry, told.decision, told.decision.prediction
    yield "decided", f"{entry.recorded_at:%Y-%m-%d %H:%M:%S} UTC, entry {entry.seq}"
    yield (
        "system",
        f"{event.system}, {prediction.get('confidence', 0):.0%} sure; from {prediction.get('threshold', 0):.0%} on it is routed alone",
    )
    yield "also possible", ", ".join(prediction.get("prediction_set", ())[1:]) or "nothing else"
    yield from (("may the model", f"{autonomy['state']}: {autonomy['why']}") for autonomy in [event.autonomy] if autonomy)
    yield "severity", f"{event.severity}, by {event.decided_by}"
    yield from (("because", reason) for reason in event.reasons)
    yield "GxP", event.gxp
    yield from (("heard", f"{word['term'].removeprefix('concept:')} (+{word['weight']:.2f})") for word in prediction.get("words", ()))
    yield from (("similar", f"{one['ticket']} ({one['score']:.0%})") for one in prediction.get("similar", ()))
    yield from (("known error", f"{hit['known_error']} ({hit['score']:.0%}): {hit['workaround']}") for hit in event.known_errors)
    yield from (("by " + name, getattr(event, name)) for name in SOURCES)
    yield "again today", told.recomputed.verdict
