"""Before the night: can everybody whom a step may tell until the morning be reached? Pure; whether a target works is asked of `broken`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from schemas.oncall import NightFault, Step
from services.oncall.roll import Place, Recipient, Roll, rungs_of
from services.oncall.schedule import Roster, schedule
from services.oncall.spans import Span

Target = tuple[str, str]
Broken = Callable[[Target], str | None]
"""Why a target (channel, address) would not be reached; None where it would be."""
Night = tuple[datetime, datetime]


class _Seen(NamedTuple):
    begin: datetime
    until: datetime
    told: str


def preflight(roll: Roll, sites: Sequence[Place], night: Night, broken: Broken) -> list[NightFault]:
    """Of each team at each place: steps that reach nobody, and people who are to be told and cannot be. By time within a team."""
    stretches = list(_stretches(roll, night))
    return [
        NightFault(site=place.site, team=place.team, begin=seen.begin, until=seen.until, told=seen.told)
        for place in sites
        for seen in _joined(_of_place(roll, place, stretches, broken))
    ]


def _stretches(roll: Roll, night: Night) -> Iterator[Night]:
    """The night in pieces within which nobody's duty begins or ends."""
    begin, until = night
    spans = [span for roster in roll.rosters.values() for span in _every_span(roster, begin, until)]
    edges = {begin, until, *(edge for span in spans for edge in (span.begin, span.end) if begin < edge < until)}
    return pairwise(sorted(edges))


def _every_span(roster: Roster, begin: datetime, until: datetime) -> Iterator[Span]:
    """Also of layers that others cover: a step may name them."""
    yield from schedule(roster, begin, until)
    for layer in roster.rota.layers:
        alone = roster.rota.model_copy(update={"layers": (layer,)})
        yield from schedule(roster._replace(rota=alone, calendar=()), begin, until)


def _of_place(roll: Roll, place: Place, stretches: Sequence[Night], broken: Broken) -> Iterator[_Seen]:
    for begin, until in stretches:
        for name, step in _steps(roll, place):
            yield from (_Seen(begin, until, told) for told in _of_step(name, step, roll.told(step, place, begin), broken))


def _steps(roll: Roll, place: Place) -> Iterator[tuple[str, Step]]:
    """Those that wake somebody."""
    ladder = roll.ladder(place)
    for severity, rungs in rungs_of(ladder):
        numbered = enumerate(rungs.steps, start=1)
        yield from ((f"step {number} of {severity}", step) for number, step in numbered if step.urgency == "page")
    if ladder.qa_parallel:
        yield "QA beside the steps", Step(after=timedelta(0), who=(ladder.qa_parallel,))


def _of_step(name: str, step: Step, told: Sequence[Recipient], broken: Broken) -> Iterator[str]:
    if not told:
        yield f"{name}: nobody is there by {', '.join(step.who)}"
        return
    faults = {recipient.name: fault for recipient in told if (fault := unreachable(recipient, broken))}
    if len(faults) == len(told):
        yield f"{name}: reaches nobody of {', '.join(faults)}"
    yield from (f"{who} cannot be reached: {fault}" for who, fault in faults.items())


def unreachable(recipient: Recipient, broken: Broken) -> str | None:
    """Why none of the targets for a page works."""
    targets = recipient.targets("page")
    faults = [fault for target in targets if (fault := broken(target))]
    if len(faults) < len(targets):
        return None
    return " ".join(faults) or "give page = [...] or notify = [...]"


def _joined(seen: Iterable[_Seen]) -> list[_Seen]:
    """The same fault in stretches that follow each other, or of several steps, is one."""
    found: dict[str, list[_Seen]] = {}
    for each in seen:
        same = found.setdefault(each.told, [])
        if same and same[-1].until >= each.begin:
            same[-1] = same[-1]._replace(until=max(each.until, same[-1].until))
        else:
            same.append(each)
    return sorted(each for same in found.values() for each in same)
