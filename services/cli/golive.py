"""`hypercare golive`: what people say of a go-live, from one file or word by word, through the API."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from typer import Argument, Option

from schemas.golives import GoLive, PlanVersion
from services.cli.client import Caller, Client
from services.cli.golive_file import GoLiveFile, read_golive_file
from services.cli.options import flat
from services.cli.terminal import Output, table
from services.errors import HypercareError, Invalid, Refused

app = typer.Typer(add_completion=False, no_args_is_help=True)

Id = Annotated[str, Argument(metavar="GO-LIVE", help="For example GL-1.")]
File = Annotated[Path, Argument(metavar="FILE.toml", help="The file of the go-live, see docs/golive.md.")]
Because = Annotated[str | None, Option("--reason", help="Why, so that an auditor will understand it.")]
Why = Annotated[str, Option("--reason", help="Why, so that an auditor will understand it.")]
Again = Annotated[bool, Option("--again", help="Even if one of the same name is there.")]
Version = Annotated[int, Argument(help="Number of the plan.")]
Snapshot = Annotated[str, Option(help="On the evidence of which, e.g. GL-1-2026-04-13.")]
Criterion = Annotated[str, Argument(help="Id of the criterion, e.g. few_reopened.")]


@app.callback()
def _golive() -> None:
    """Declare go-lives, plan them, hold them to criteria, end them."""


@app.command("list")
@flat
def list_golives(caller: Caller, output: Output, site: Annotated[str | None, Option(help="Only those of this plant.")] = None) -> None:
    """List the go-lives."""
    with Client(caller) as client:
        found = client.get("v1/golives", {"site": site})["golives"]
    told = [GoLive.model_validate(each) for each in found]
    rows = [(each.id, each.site, each.text.wave, each.text.name, f"{each.text.starts_at:%Y-%m-%d}", _state(each)) for each in told]
    output.show(found, table(("go-live", "site", "wave", "name", "live since", "state"), rows))


@app.command("show")
@flat
def show(golive: Id, caller: Caller, output: Output) -> None:
    """Show what was said of a go-live."""
    with Client(caller) as client:
        found = client.get(f"v1/golives/{golive}")
    _tell(output, found)


@app.command("declare")
@flat
def declare(file: File, caller: Caller, output: Output, again: Again = False) -> None:
    """Declare the go-live of a file, propose its plan, plan its scope events, and adopt its criteria.

    Its plan holds once somebody else has approved it.
    """
    told = read_golive_file(file)
    with Client(caller) as client:
        if not again:
            _check_new(client, told)
        found = _go_on(client, client.change("POST", "v1/golives", _json(told.golive)), told)
    _tell(output, found)


@app.command("change")
@flat
def change(golive: Id, file: File, reason: Why, caller: Caller, output: Output) -> None:
    """Say something else of a go-live: what stands in the part [golive] of the file."""
    _say(caller, output, "PUT", f"v1/golives/{golive}", {"golive": _json(read_golive_file(file).golive), "reason": reason})


@app.command("plan")
@flat
def plan(golive: Id, file: File, caller: Caller, output: Output, reason: Because = None) -> None:
    """Propose the plan of the file. From the second plan on a reason is needed; the first one stays visible."""
    proposed = read_golive_file(file).plan
    if proposed is None:
        raise Invalid(f"{file} holds no plan; write one under [plan.by_severity.sev2], see docs/golive.md")
    _say(caller, output, "POST", f"v1/golives/{golive}/plans", {"plan": _json(proposed), "reason": reason})


@app.command("approve")
@flat
def approve(golive: Id, version: Version, caller: Caller, output: Output, reason: Because = None) -> None:
    """Approve the plan that somebody else proposed."""
    _say(caller, output, "POST", f"v1/golives/{golive}/plans/{version}/approve", {"reason": reason})


@app.command("scope")
@flat
def scope(golive: Id, file: File, caller: Caller, output: Output) -> None:
    """Plan those scope events of the file that are not planned yet."""
    told = read_golive_file(file)
    with Client(caller) as client:
        found = _scope(client, client.get(f"v1/golives/{golive}"), told)
    _tell(output, found)


@app.command("drop")
@flat
def drop(golive: Id, scope_event: Annotated[str, Argument(help="For example SE-2.")], reason: Why, caller: Caller, output: Output) -> None:
    """Say that a scope event will not happen."""
    _say(caller, output, "POST", f"v1/golives/{golive}/scope-events/{scope_event}/drop", {"reason": reason})


@app.command("criteria")
@flat
def criteria(golive: Id, file: File, reason: Why, caller: Caller, output: Output) -> None:
    """Adopt the exit criteria of the file, all of them at once."""
    adopted = read_golive_file(file).adopted
    if adopted is None:
        raise Invalid(f"{file} holds no criteria; services/criteria.toml holds the shipped ones to begin with")
    _say(caller, output, "PUT", f"v1/golives/{golive}/criteria", _json(adopted) | {"reason": reason})


@dataclass(frozen=True)
class Waiver:
    """What a waiver says."""

    criterion: Criterion
    until: Annotated[str, Option(help="E.g. 2026-04-01T00:00:00+01:00.")]
    reason: Why


@app.command("waive")
@flat
def waive(golive: Id, waiver: Waiver, caller: Caller, output: Output) -> None:
    """Let a criterion count as met until a date. One that ends now takes an earlier one back."""
    _say(caller, output, "POST", f"v1/golives/{golive}/waivers", asdict(waiver))


@dataclass(frozen=True)
class Word:
    """What a person says of a criterion that nothing counts."""

    criterion: Criterion
    evidence: Annotated[str, Option(help="Where it can be seen.")]
    holds: Annotated[bool, Option("--holds/--fails", help="Whether it holds.")] = True
    until: Annotated[str | None, Option(help="When the word runs out.")] = None


@app.command("attest")
@flat
def attest(golive: Id, word: Word, caller: Caller, output: Output) -> None:
    """Say whether a criterion holds that nothing counts."""
    _say(caller, output, "POST", f"v1/golives/{golive}/attestations", asdict(word))


@app.command("snapshot")
@flat
def snapshot(golive: Id, caller: Caller, output: Output) -> None:
    """Take a snapshot now, between two stand-ups."""
    with Client(caller) as client:
        found = client.change("POST", f"v1/golives/{golive}/snapshots", {})
    output.show(found, f"{found['id']}, SHA-256 {found['digest']}")


@app.command("exit")
@flat
def end(
    golive: Id,
    snapshot: Snapshot,
    reason: Why,
    caller: Caller,
    output: Output,
) -> None:
    """End the hypercare, on a snapshot. The relapse guard lasts 14 days."""
    _say(caller, output, "POST", f"v1/golives/{golive}/exit", {"snapshot": snapshot, "reason": reason})


@app.command("reenter")
@flat
def reenter(golive: Id, reason: Why, caller: Caller, output: Output) -> None:
    """Go back into the hypercare after an exit."""
    _say(caller, output, "POST", f"v1/golives/{golive}/reenter", {"reason": reason})


def _say(caller: Caller, output: Output, method: str, path: str, said: dict[str, Any]) -> None:
    with Client(caller) as client:
        found = client.change(method, path, said)
    _tell(output, found)


def _check_new(client: Client, told: GoLiveFile) -> None:
    there = (GoLive.model_validate(each) for each in client.get("v1/golives", {"site": told.golive.site})["golives"])
    for each in there:
        if (each.text.name, each.text.wave) == (told.golive.name, told.golive.wave):
            raise Refused(f"{each.id} is this already: `hypercare golive change {each.id} FILE` changes it, --again declares another")


def _go_on(client: Client, found: dict[str, Any], told: GoLiveFile) -> dict[str, Any]:
    """What else stands in the file. Where a part is refused, the go-live is declared all the same, and that is said."""
    path, adopted = f"v1/golives/{found['id']}", told.adopted
    try:
        if told.plan:
            found = client.change("POST", f"{path}/plans", {"plan": _json(told.plan)})
        found = _scope(client, found, told)
        if adopted:
            found = client.change("PUT", f"{path}/criteria", _json(adopted) | {"reason": "adopted with the declaration"})
    except HypercareError as error:
        undone = f"{found['id']} is declared, and then: {error}. Go on with `hypercare golive plan`, `scope` or `criteria`"
        raise type(error)(undone) from error
    return found


def _scope(client: Client, found: dict[str, Any], told: GoLiveFile) -> dict[str, Any]:
    known = {(each.title, each.at) for each in GoLive.model_validate(found).scope_events}
    for event in told.scope_events:
        if (event.title, event.at) not in known:
            found = client.change("POST", f"v1/golives/{found['id']}/scope-events", _json(event))
    return found


def _json(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json")


def _tell(output: Output, found: dict[str, Any]) -> None:
    golive = GoLive.model_validate(found)
    output.show(found, golive.id if output.quiet else table(("", ""), list(_lines(golive))))


def _lines(golive: GoLive) -> Iterator[tuple[str, str]]:
    text = golive.text
    yield "go-live", f"{golive.id}: {text.name}, {text.site}, wave {text.wave}"
    yield "from, to", f"{text.starts_at:%Y-%m-%d %H:%M} to {text.planned_end:%Y-%m-%d %H:%M} UTC, {text.time_zone}"
    yield "state", _state(golive)
    yield "snapshot", f"daily at {text.standup:%H:%M} at the site"
    yield from ((f"plan {plan.version}", f"by {plan.author}, {_signed(golive, plan)}") for plan in golive.plans)
    for event in golive.scope_events:
        yield event.id, f"{event.at:%Y-%m-%d %H:%M} UTC, {event.kind}: {event.title}"
    version = f"version {golive.criteria_version}" if golive.criteria_version else "as shipped"
    yield "criteria", f"{len(golive.criteria.criteria)}, {version}"
    for waiver in golive.waivers:
        yield "waived", f"{waiver.criterion} until {waiver.until:%Y-%m-%d %H:%M} UTC by {waiver.by}: {waiver.reason}"
    for word in golive.attestations:
        yield "attested", f"{word.criterion} {'holds' if word.holds else 'fails'}, by {word.by}: {word.evidence}"


def _signed(golive: GoLive, plan: PlanVersion) -> str:
    if plan.approver:
        return f"approved by {plan.approver}"
    return f"waits: somebody else runs `hypercare golive approve {golive.id} {plan.version}`"


def _state(golive: GoLive) -> str:
    return f"ended {golive.exited_at:%Y-%m-%d} on {golive.exit_snapshot}" if golive.exited_at else "declared"
