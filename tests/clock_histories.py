"""Random lives of tickets for their clocks: over both changes of the clocks, with pauses, other severities, reopenings, other policies.

`python -m tests.clock_histories 10000` checks so many of them.
"""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from schemas import events as e
from schemas.clocks import CLOCKS, PolicyText
from schemas.entries import Entry
from schemas.event import Event
from schemas.tickets import Ticket
from services.calendars import EPOCH
from services.lifecycle import born, changed, possible_after
from services.policies import folded, in_terms
from services.stabilisation.chronicle import Chronicle, micros
from services.stabilisation.clocks import Clockwork, Timing, timings
from tests.clock_recount import Found, audit

SITE = "Cork"
GRADES = ("sev1", "sev2", "sev3", "sev4")
CHANGES = (
    datetime(2026, 3, 8, tzinfo=UTC),
    datetime(2026, 3, 29, tzinfo=UTC),
    datetime(2026, 10, 25, tzinfo=UTC),
    datetime(2026, 11, 1, tzinfo=UTC),
)
ZONES = ("Europe/Dublin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]
CALENDARS: tuple[dict[str, Any], ...] = (
    {},
    {"hours": [{"days": WORKDAYS, "begin": "08:00", "end": "16:00"}], "holidays": "IE", "rests": True},
    {"hours": [{"begin": "22:00", "end": "06:30"}, {"days": ["sat", "sun"], "begin": "01:30", "end": "14:00"}], "rests": True},
    {"shifts": True, "rests": True},
    {"hours": [{"begin": "02:30", "end": "07:00"}, {"begin": "20:00", "end": "02:15"}], "time_zone": "Europe/Berlin"},
    {"holidays": "DE-BY", "time_zone": "Europe/Berlin"},
    {
        "hours": [{"begin": "00:00", "end": "00:00"}],
        "shutdowns": [{"title": "s", "begin": "2026-03-29T00:30Z", "end": "2026-03-29T09:00Z"}],
    },
)
SHIFTS: tuple[list[dict[str, Any]], ...] = ([], [{"begin": "06:00", "end": "14:00"}, {"begin": "13:30", "end": "22:00", "days": WORKDAYS}])
PEOPLE = (
    ("erik", "engineer"), ("ana", "engineer"), ("olga", "operator"), ("dora", "support_desk"), ("mia", "support_desk"),
    ("service:bot", "service"), ("history:unknown", "history"), ("history:erik", "history"),
)  # fmt: skip
DECIDED = {"gxp": "none", "decided_by": "floor", "prediction": {}, "model": "m", "rules": "r", "configuration": "c"}
MOVES: tuple[Callable[[Random], Event], ...] = (
    lambda dice: e.TicketClassified(system="oee", severity=dice.choice(GRADES), **DECIDED),
    lambda dice: e.TicketReclassified(severity=dice.choice(GRADES)),
    lambda dice: e.TicketReclassified(severity=dice.choice(GRADES)),
    lambda dice: e.TicketRouted(system=dice.choice(("oee", "erp")), team="t"),
    lambda dice: e.TicketRouted(system="oee", team="t"),
    lambda dice: e.TicketAcknowledged(),
    lambda dice: e.TicketPutOnHold(waiting_for=dice.choice(("reporter", "window", "vendor"))),
    lambda dice: e.TicketPutOnHold(waiting_for="reporter"),
    lambda dice: e.TicketResumed(),
    lambda dice: e.TicketCommented(text="heard"),
    lambda dice: e.TicketWorkedAround(workaround="by hand"),
    lambda dice: e.TicketResolved(cause_system="mes", cause_class="process", resolution="done"),
    lambda dice: e.TicketReopened(),
    lambda dice: e.TicketReopened(),
    lambda dice: e.TicketReturned(),
    lambda dice: e.TicketClosed(),
    lambda dice: e.TicketBacklogged(),
    lambda dice: e.TicketCancelled() if dice.random() < 0.2 else e.TicketCommented(text="once more"),
)


class Teller:
    """Entries of one site in the order of a ledger, without one."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.entries: list[Entry] = []
        self.now = dice.choice(CHANGES) + timedelta(hours=dice.uniform(-60, 20))

    def tell(
        self, event: Event, by: tuple[str, str] = ("lena", "lead"), ticket: str | None = None, occurred: datetime | None = None
    ) -> Entry:
        data = event.model_dump(mode="json", exclude_none=True)
        entry = Entry.model_construct(
            seq=len(self.entries) + 1, type=type(event).__name__, ticket=ticket, ticket_version=1, site=SITE, actor=by[0], role=by[1],
            reason="so agreed", occurred_at=occurred or self.now, recorded_at=self.now, data=data,
        )  # fmt: skip
        self.entries.append(entry)
        return entry

    def wait(self, hours: float) -> None:
        self.now += timedelta(microseconds=self.dice.choice((0, 1, round(self.dice.uniform(0, hours) * 3.6e9), round(hours * 3.6e9))))


def policy(dice: Random) -> PolicyText:
    names = dice.sample(range(len(CALENDARS)), 3)

    def targets(grade: str) -> dict[str, Any]:
        told: dict[str, Any] = {clock: dice.choice((None, 300, 7200, 14_400, dice.uniform(60, 2e5))) for clock in CLOCKS}
        return {"calendar": f"c{dice.choice(names)}", "pause": 0 if grade == "sev1" else dice.choice((0, 3600, 30_000, 2e5)), **told}

    graded = {grade: targets(grade) for grade in GRADES if dice.random() < 0.9 or grade == "sev1"}
    return PolicyText.model_validate({"calendars": {f"c{name}": CALENDARS[name] for name in names}, "severities": graded})


def told(seed: int) -> list[Entry]:
    """A site with its policies, go-lives and rests, and one ticket that lives through all of that."""
    dice = Random(seed)
    teller = Teller(dice)
    if dice.random() < 0.9:
        _site(teller)
    ticket = _submitted(teller)
    if dice.random() < 0.3:
        ticket = _in_work(teller, ticket)
    for _ in range(dice.randrange(4, 16)):
        teller.wait(dice.choice((0.5, 2, 6, 40)))
        if dice.random() < 0.06:
            _site(teller)
        ticket = _moved(teller, ticket)
    return teller.entries


def _site(teller: Teller) -> None:
    dice = teller.dice
    when = {"starts_at": teller.now, "planned_end": teller.now + timedelta(days=40), "time_zone": dice.choice(ZONES)}
    shifts = dice.choice(SHIFTS)
    if dice.random() < 0.8:
        teller.tell(e.EVENTS["GoLiveDeclared"].model_validate({"golive": "GL-1", "name": "wave", "site": SITE, "shifts": shifts, **when}))
    if dice.random() < 0.8:
        teller.tell(e.EVENTS["PolicyAdopted"].model_validate({"site": SITE, **policy(dice).model_dump()}))
    begin, number = teller.now + timedelta(hours=dice.uniform(-5, 40)), f"SE-{len(teller.entries) + 1}"
    rest = {"golive": "GL-1", "scope_event": number, "kind": dice.choice(("holiday", "patch")), "title": "rest", "at": begin}
    if dice.random() < 0.5:
        until = dice.choice((None, begin + timedelta(hours=9)))
        teller.tell(e.EVENTS["ScopeEventPlanned"].model_validate(rest | {"until": until}))
        teller.wait(20)
    if dice.random() < 0.3 and teller.entries and teller.entries[-1].type == "ScopeEventPlanned":
        teller.tell(e.EVENTS["ScopeEventDropped"].model_validate({"golive": "GL-1", "scope_event": number}))
    teller.wait(dice.choice((0, 30)))


def _submitted(teller: Teller) -> Ticket:
    dice = teller.dice
    event = e.TicketSubmitted(title="t", site=SITE, reporter="olga", reported_severity=dice.choice((*GRADES, None)))
    occurred = dice.choice((None, teller.now - timedelta(hours=dice.uniform(-3, 30)), teller.now - timedelta(days=45)))
    return born(event, teller.tell(event, ("dora", "support_desk"), "HC-1", occurred))


def _in_work(teller: Teller, ticket: Ticket) -> Ticket:
    """And waiting now and then, with somebody who says meanwhile that they are still on it, or nobody."""
    again = (e.TicketAcknowledged(),) * teller.dice.randrange(2)
    holds = (e.TicketPutOnHold(waiting_for=teller.dice.choice(("reporter", "window"))), *again, e.TicketResumed())
    for event in (e.TicketRouted(system="oee", team="t"), e.TicketAcknowledged(), *holds, *holds):
        teller.wait(8)
        ticket = changed(ticket, event, teller.tell(event, PEOPLE[0], "HC-1"))
    return ticket


def _moved(teller: Teller, ticket: Ticket) -> Ticket:
    """The first thing of many that may happen to it as it stands."""
    dice = teller.dice
    for _ in range(40):
        by, event = dice.choice(PEOPLE), dice.choice(MOVES)(dice)
        if ticket.state in possible_after(type(event), by[1]):
            ago = timedelta(hours=dice.choice((0.0, dice.uniform(0, 5)))) if by[1] == "history" else timedelta(0)
            return changed(ticket, event, teller.tell(event, by, "HC-1", teller.now - ago))
    return ticket


def check(seed: int) -> None:
    """The live clocks, asked on the way; those made anew of the whole ledger; and the auditor's, at several instants."""
    dice, entries = Random(seed), told(seed)
    live, works = Chronicle(), Clockwork()
    for number, entry in enumerate(entries, start=1):
        live.take(entry)
        if dice.random() < 0.3 and live.sites.get(SITE):
            works = _same_terms(works, entries[:number])
            _at(live, works, entry.recorded_at)
    works = _same_terms(works, entries)
    last = entries[-1].recorded_at
    first = next(entry for entry in entries if entry.ticket).recorded_at
    for at in (
        last,
        last + timedelta(hours=dice.uniform(0, 90)),
        first + dice.random() * (last - first),
        _falls_due(live, works, dice, last),
    ):
        _compare(_at(live, works, at), _anew(entries, at), audited(entries, at), at)


def _falls_due(live: Chronicle, works: Clockwork, dice: Random, last: datetime) -> datetime:
    """The very instant at which something falls due, or one microsecond after it."""
    to_come = [mark for timing in _at(live, works, last) for mark in timing.marks if mark is not None and mark >= micros(last)]
    return EPOCH + timedelta(microseconds=dice.choice(to_come) + dice.randrange(2)) if to_come else last


def _same_terms(works: Clockwork, entries: Sequence[Entry]) -> Clockwork:
    terms = in_terms(folded(entries), SITE)
    return works if works.terms == terms else Clockwork(terms)


def _at(chronicle: Chronicle, works: Clockwork, at: datetime) -> tuple[Timing, ...]:
    """As the figures do it."""
    track = chronicle.sites[SITE]["HC-1"]
    number = track.number(micros(at), micros(at))
    return works.timings(track, number) if number else ()


def _anew(entries: Sequence[Entry], at: datetime) -> tuple[Timing, ...]:
    """From the entries that were recorded by then, and nothing else."""
    known = [entry for entry in entries if entry.recorded_at <= at]
    chronicle = Chronicle()
    for entry in known:
        chronicle.take(entry)
    track = chronicle.sites[SITE]["HC-1"]
    number = track.number(micros(at), micros(at))
    return timings(track, number, in_terms(folded(known), SITE)) if number else ()


def audited(entries: Sequence[Entry], at: datetime) -> dict[str, Found]:
    story = [entry for entry in entries if entry.ticket]
    return audit(story, [entry for entry in entries if not entry.ticket and entry.recorded_at <= at], at, timedelta(days=4))


def _compare(live: Sequence[Timing], anew: Sequence[Timing], paper: dict[str, Found], at: datetime) -> None:
    late = [[each.breach_at(micros(at)) for each in several] for several in (live, anew)]
    assert late[0] == late[1], (live, anew)
    for clock, timing, breach in zip(CLOCKS, anew, late[1], strict=True):
        seen = paper[clock]
        told = (timing.severity, timing.target, timing.stopped, timing.running, timing.warned(micros(at)))
        target = round(seen.target * 1e6) if seen.target else None
        assert told == (seen.severity, target, seen.stopped and micros(seen.stopped), seen.running, seen.soon), (clock, timing, seen)
        assert breach == (seen.missed and (seen.missed[0], micros(seen.missed[1]))), (clock, timing, seen)
        horizon = micros(at + timedelta(days=4))
        due = timing.due if timing.due is not None and timing.due < horizon else None
        assert due == (micros(seen.due) if seen.due and micros(seen.due) < horizon else None), (clock, timing, seen)


def main(number: int) -> None:
    begun = time.perf_counter()
    for seed in range(number):
        try:
            check(seed)
        except Exception:
            sys.stderr.write(f"history {seed} differs\n")
            raise
    sys.stdout.write(f"{number} histories, {time.perf_counter() - begun:.1f} s, no difference\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
