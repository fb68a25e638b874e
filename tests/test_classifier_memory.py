"""A new ticket is held against what happened before: alike tickets, storms, known errors, and a model in shadow."""

from datetime import UTC, datetime, timedelta

import pytest

from models.fixed import FixedModel, prediction
from models.registry import load_model
from schemas import events as e
from schemas.entries import Attribution
from schemas.knownerrors import KnownErrorText
from schemas.tickets import Ticket
from services.classifier import Memory, classifier
from services.db import Database
from services.knownerrors import approve_known_error, record_known_error, retire_known_error
from services.ledger import Ledger
from services.log.table import TableLog
from services.runner import Runner
from tests.lives import DESK, ENGINEER, QA, entries_of, happened, submitted, ticket_of, types_of
from tests.minds import decider
from tests.runners import running_until

MODEL = load_model()
STOPPED = "Serial numbers are refused on the carton line, 'number already used' at the camera"
ALIKE = (
    "Carton line refuses serial numbers, camera says number already used",
    "number already used at the camera of the carton line, serial numbers refused again",
    "Cartons rejected: the camera says serial number already used",
    "serial numbers refused, already used, carton line camera rejects every carton",
)


async def settled(ledger: Ledger, *tickets: Ticket, **policy: object) -> list[Ticket]:
    """The tickets once a real classifier has decided about them."""
    made = decider(ledger, policy.pop("model", MODEL), **policy)  # type: ignore[arg-type]
    runner = Runner(classifier(made), TableLog(ledger), ledger)
    await running_until(runner, lambda: all(ticket_of(ledger, each.id).state != "submitted" for each in tickets))
    return [ticket_of(ledger, each.id) for each in tickets]


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(database: Database, clock: Clock) -> Ledger:
    return Ledger(database, clock)


async def test_a_ticket_names_those_before_it_that_are_alike_and_never_later_ones(ledger: Ledger) -> None:
    first, other, again = submitted(ledger, title=STOPPED), submitted(ledger, title="Cannot sign step 12"), submitted(ledger, title=STOPPED)
    decided = await settled(ledger, first, other, again)
    assert [each.decision["similar"] for each in decided if each.decision][:2] == [[], []]
    (near,) = decided[2].decision["similar"]  # type: ignore[index]
    assert (near["ticket"], near["same_incident"]) == (first.id, True)


@pytest.mark.parametrize("place", [{"site": "Lyon"}, {"batch": "B-2"}])
async def test_the_same_words_elsewhere_or_of_another_batch_are_another_incident(ledger: Ledger, place: dict[str, str]) -> None:
    first, again = submitted(ledger, title=STOPPED, batch="B-1"), submitted(ledger, title=STOPPED, **{"batch": "B-1"} | place)
    decided = await settled(ledger, first, again)
    (near,) = decided[1].decision["similar"]  # type: ignore[index]
    assert near["same_incident"] is False


async def test_a_storm_puts_one_parent_over_the_others_which_stay_tickets_of_their_own(ledger: Ledger) -> None:
    storm = [submitted(ledger, title=title, area="Line 3") for title in (STOPPED, *ALIKE)]
    decided = await settled(ledger, *storm, model=FixedModel({}, prediction("packaging_serialization", 0.97)))
    assert [each.parent for each in decided] == [None, *[storm[0].id] * 4]
    assert {each.state for each in decided} == {"routed"}
    assert types_of(ledger, storm[4].id).count("TicketGrouped") == 1
    late = submitted(ledger, title=STOPPED, area="Line 3")
    (joined,) = await settled(ledger, late, model=FixedModel({}, prediction("packaging_serialization", 0.97)))
    assert joined.parent == storm[0].id


async def test_four_alike_are_no_storm_and_neither_are_five_on_five_lines_or_in_two_hours(ledger: Ledger, clock: Clock) -> None:
    model = FixedModel({}, prediction("packaging_serialization", 0.97))
    four = [submitted(ledger, title=title, area="Line 3", site="Cork") for title in ALIKE]
    others = [FixedModel({}, prediction(system, 0.97)) for system in ("erp", "lims", "oee", "plc_scada", "infrastructure")]
    assert {each.parent for each in await settled(ledger, *four, model=model)} == {None}
    for number, (title, other) in enumerate(zip((STOPPED, *ALIKE), others, strict=True)):
        apart = submitted(ledger, title=title, area=f"Line {number}", site="Lyon")
        assert (await settled(ledger, apart, model=other))[0].parent is None
    for title in (STOPPED, *ALIKE):
        clock.now += timedelta(minutes=24)
        slow = submitted(ledger, title=title, area="Line 3", site="Basel")
        assert (await settled(ledger, slow, model=model))[0].parent is None


async def test_a_graver_one_of_another_batch_or_with_a_gxp_flag_stays_by_itself_in_a_storm(ledger: Ledger) -> None:
    model = FixedModel({}, prediction("packaging_serialization", 0.97))
    storm = [submitted(ledger, title=title, area="Line 3") for title in (STOPPED, *ALIKE)]
    await settled(ledger, *storm, model=model)
    grave = submitted(ledger, title=STOPPED, area="Line 3", reported_severity="sev1")
    batch = submitted(ledger, title=STOPPED, area="Line 3", batch="B-77")
    assert [each.parent for each in await settled(ledger, grave, batch, model=model)] == [None, None]
    flagged = submitted(ledger, title=STOPPED, area="Line 3")
    flagging = FixedModel({}, prediction("packaging_serialization", 0.97, gxp=True))
    assert (await settled(ledger, flagged, model=flagging))[0].parent is None


async def test_what_a_person_took_out_of_a_group_is_not_put_there_again(ledger: Ledger) -> None:
    model = FixedModel({}, prediction("packaging_serialization", 0.97))
    storm = [submitted(ledger, title=title, area="Line 3") for title in (STOPPED, *ALIKE)]
    await settled(ledger, *storm, model=model)
    happened(ledger, storm[2].id, e.TicketUngrouped(), Attribution("dora", "support_desk", reason="another camera, another fault"))
    await settled(ledger, submitted(ledger, title=STOPPED, area="Line 3"), model=model)
    assert (ticket_of(ledger, storm[2].id).parent, ticket_of(ledger, storm[2].id).kept_apart) == (None, True)


async def test_a_child_of_a_storm_goes_where_a_person_sent_its_parent(ledger: Ledger) -> None:
    unsure = FixedModel({}, prediction("packaging_serialization", 0.4))
    storm = [submitted(ledger, title=title, area="Line 3") for title in (STOPPED, *ALIKE)]
    assert {each.state for each in await settled(ledger, *storm, model=unsure)} == {"triage"}
    happened(ledger, storm[0].id, e.TicketRouted(system="infrastructure", team="infrastructure"), DESK)
    (late,) = await settled(ledger, submitted(ledger, title=STOPPED, area="Line 3"), model=unsure)
    assert (late.parent, late.state, late.team) == (storm[0].id, "routed", "infrastructure")


KNOWN = KnownErrorText(
    title="Serial numbers are refused after a change of the month",
    symptom="Serial numbers are refused on the carton line, the camera says number already used, every carton is rejected",
    cause="The site server keeps the ranges of the month before.",
    workaround="Load the pool again and start the line with a fresh range.",
    system="packaging_serialization",
)


async def test_an_approved_known_error_answers_at_intake_and_its_hits_are_counted(ledger: Ledger) -> None:
    error = ledger.write(lambda draft: record_known_error(draft, KNOWN, ENGINEER)).result()
    (before,) = await settled(ledger, submitted(ledger, title=STOPPED))
    assert before.decision is not None
    assert not before.decision["known_errors"]
    ledger.write(lambda draft: approve_known_error(draft, error.id, QA)).result()
    (after,) = await settled(ledger, submitted(ledger, title=STOPPED))
    assert after.decision is not None
    (hit,) = after.decision["known_errors"]
    assert (hit["known_error"], hit["workaround"]) == (error.id, KNOWN.workaround)
    retired = ledger.write(lambda draft: retire_known_error(draft, error.id, QA)).result()
    assert retired.hits == 1
    (gone,) = await settled(ledger, submitted(ledger, title=STOPPED))
    assert gone.decision is not None
    assert not gone.decision["known_errors"]


async def test_a_known_error_of_one_site_is_not_offered_at_another(ledger: Ledger) -> None:
    error = ledger.write(lambda draft: record_known_error(draft, KNOWN.model_copy(update={"site": "Lyon"}), ENGINEER)).result()
    ledger.write(lambda draft: approve_known_error(draft, error.id, QA)).result()
    cork, lyon = await settled(ledger, submitted(ledger, title=STOPPED), submitted(ledger, title=STOPPED, site="Lyon"))
    assert (len(cork.decision["known_errors"]), len(lyon.decision["known_errors"])) == (0, 1)  # type: ignore[index]


async def test_a_model_in_shadow_is_written_down_and_changes_nothing(ledger: Ledger) -> None:
    model, shadow = (FixedModel({}, prediction(system, 0.97)) for system in ("erp", "lims"))
    (ticket,) = await settled(ledger, submitted(ledger), model=model, shadow=shadow)
    assert ticket.system == "erp"
    said = next(entry.data for entry in entries_of(ledger, ticket.id) if entry.type == "TicketClassified")
    assert said["shadow"]["system"] == "lims"
    assert "shadow" not in ticket.decision  # type: ignore[operator]


async def test_a_blind_ticket_waits_for_a_person_without_a_suggestion(ledger: Ledger) -> None:
    model = FixedModel({}, prediction("erp", 0.97))
    (ticket,) = await settled(ledger, submitted(ledger), model=model, blind_share=1.0)
    queued = next(entry.data for entry in entries_of(ledger, ticket.id) if entry.type == "TicketQueued")
    assert (ticket.state, queued.get("suggestion")) == ("triage", None)


def test_about_five_in_a_hundred_are_blind_and_always_the_same_ones(ledger: Ledger) -> None:
    policy = decider(ledger, MODEL, blind_share=0.05).policy
    blind = [name for name in (f"HC-{number}" for number in range(1, 4001)) if policy.blind(name)]
    assert 140 < len(blind) < 260
    assert blind == [name for name in (f"HC-{number}" for number in range(1, 4001)) if policy.blind(name)]


def test_the_memory_is_the_same_in_one_go_in_parts_and_up_to_an_earlier_seq(ledger: Ledger) -> None:
    parts = Memory.of(MODEL)
    for title in (STOPPED, *ALIKE):
        submitted(ledger, title=title)
        with ledger.database.read() as connection:
            parts.catch_up(connection)
    whole, earlier = Memory.of(MODEL), Memory.of(MODEL)
    with ledger.database.read() as connection:
        whole.catch_up(connection)
        earlier.catch_up(connection, 3)
    assert (parts.cases, parts.position) == (whole.cases, whole.position)
    assert (len(earlier.cases), earlier.position) == (3, 3)
