"""A classifier takes up the version that was released, beside its work, and never works with one that it cannot trust."""

import shutil
from pathlib import Path

import pytest

from models.registry import ARRAYS, STARTER, read_manifest
from models.rules_only import VERSION as RULES
from schemas import events as e
from schemas.entries import Attribution
from services.classifier import Decider, Mind, Policy
from services.errors import Conflict, Forbidden
from services.ledger import Ledger
from services.releases import promote, releases_of, roll_back, shadow
from services.runner import Occurrence
from services.shelf import Shelf
from services.teams import load_teams
from tests.corpora import save_small
from tests.lives import entries_of, submitted
from tests.minds import FLOORS

ERIK = Attribution("erik", "automation_engineer", reason="trained on three weeks of our tickets")
QUINN = Attribution("quinn", "qa_reviewer", reason="compared in shadow for a week, nothing is worse")
BASE = read_manifest(STARTER).version


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(STARTER, tmp_path / "made")


@pytest.fixture
def small(shelf: Shelf) -> str:
    """A version that was made here, in its folder."""
    manifest = save_small(shelf.made / "small")
    return manifest.version


def mind(ledger: Ledger, shelf: Shelf, replica: str = "plant-1") -> Mind:
    made = Mind(ledger, shelf, replica)
    made.refresh()
    return made


def version(mind: Mind) -> str:
    with mind.at_work() as thought:
        return thought.model.version


def promoted(ledger: Ledger, to: str, previous: str = BASE, by: Attribution = QUINN) -> None:
    ledger.write(lambda draft: promote(draft, e.ModelPromoted(version=to, previous=previous, figures={}), by)).result()


def taken_up(ledger: Ledger) -> list[e.ModelTakenUp]:
    return [e.ModelTakenUp.model_validate(entry.data) for entry in entries_of(ledger) if entry.type == "ModelTakenUp"]


def test_the_version_of_the_settings_decides_until_another_is_promoted(ledger: Ledger, shelf: Shelf, small: str) -> None:
    ours = mind(ledger, shelf)
    assert (version(ours), taken_up(ledger)) == (BASE, [])
    promoted(ledger, small)
    assert version(ours) == BASE
    ours.refresh()
    assert version(ours) == small
    assert [(each.wanted, each.version, each.error) for each in taken_up(ledger)] == [(small, small, None)]


def test_what_it_remembers_goes_over_to_the_new_version(ledger: Ledger, shelf: Shelf, small: str) -> None:
    ours = mind(ledger, shelf)
    submitted(ledger, title="Cartons rejected, number already used")
    with ours.at_work() as thought:
        before = dict(thought.memory.cases)
    promoted(ledger, small)
    ours.refresh()
    with ours.at_work() as thought:
        assert thought.memory.cases == before
        assert thought.memory.similar is not None


def test_one_step_back_and_the_version_before_decides_again(ledger: Ledger, shelf: Shelf, small: str) -> None:
    promoted(ledger, small)
    ours = mind(ledger, shelf)
    assert ledger.write(lambda draft: roll_back(draft, QUINN)).result() == (BASE, small)
    ours.refresh()
    assert version(ours) == BASE
    with pytest.raises(Conflict, match="none to go back from"):
        ledger.write(lambda draft: roll_back(draft, QUINN)).result()


def test_whoever_trained_a_version_does_not_promote_it(ledger: Ledger, small: str) -> None:
    ledger.write(lambda draft: draft.append(e.ModelTrained(version=small, data="0" * 64, labels=3), ERIK)).result()
    with pytest.raises(Forbidden, match="somebody else"):
        promoted(ledger, small, by=ERIK)
    promoted(ledger, small)
    with ledger.database.read() as connection:
        assert releases_of(connection).line == [BASE, small]


def test_a_version_is_promoted_over_the_one_that_it_was_compared_with(ledger: Ledger, small: str) -> None:
    promoted(ledger, small)
    with pytest.raises(Conflict, match=f"{small} decides now"):
        promoted(ledger, "another-000000000000", previous=BASE)


def test_with_a_changed_byte_it_is_refused_and_the_version_before_decides(ledger: Ledger, shelf: Shelf, small: str) -> None:
    file = shelf.made / "small" / ARRAYS
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    promoted(ledger, small)
    ours = mind(ledger, shelf)
    (told,) = taken_up(ledger)
    assert (version(ours), told.wanted, told.version) == (BASE, small, BASE)
    assert "differs from what its manifest promises" in str(told.error)


def test_with_no_version_to_be_used_rules_and_people_decide(ledger: Ledger, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(STARTER, folder)
    (folder / ARRAYS).write_bytes(b"PK")
    ours = mind(ledger, Shelf(folder, tmp_path / "made"))
    (told,) = taken_up(ledger)
    assert (version(ours), told.version) == (RULES, RULES)
    ticket = submitted(ledger, title="wrong label on the cartons", body="wrong label for SKU, batch B-7 is running")
    entry = entries_of(ledger, ticket.id)[0]
    decider = Decider(ours.at_work, FLOORS, load_teams(None), Policy("granted"))
    classified, queued = decider.decide([Occurrence(entry, e.EVENTS[entry.type].model_validate(entry.data), ticket)])[0]
    assert isinstance(classified, e.TicketClassified)
    assert (classified.severity, classified.decided_by, queued) == ("sev1", "floor", e.TicketQueued())


def test_that_all_is_well_again_is_said_once(ledger: Ledger, shelf: Shelf, small: str) -> None:
    file = shelf.made / "small" / ARRAYS
    whole = file.read_bytes()
    file.write_bytes(b"PK")
    promoted(ledger, small)
    mind(ledger, shelf)
    file.write_bytes(whole)
    for _ in range(2):
        assert version(mind(ledger, shelf)) == small
    assert [(each.version, each.error is None) for each in taken_up(ledger)] == [(BASE, False), (small, True)]


def test_each_replica_tells_for_itself(ledger: Ledger, shelf: Shelf, small: str) -> None:
    promoted(ledger, small)
    for replica in ("plant-1", "plant-2"):
        mind(ledger, shelf, replica)
    assert [each.replica for each in taken_up(ledger)] == ["plant-1", "plant-2"]


def test_a_version_answers_in_shadow_until_it_decides_or_is_sent_away(ledger: Ledger, shelf: Shelf, small: str) -> None:
    ours = mind(ledger, shelf)
    ledger.write(lambda draft: shadow(draft, small, QUINN)).result()
    ours.refresh()
    with ours.at_work() as thought:
        assert (thought.model.version, thought.shadow and thought.shadow.version) == (BASE, small)
    promoted(ledger, small)
    ours.refresh()
    with ours.at_work() as thought:
        assert (thought.model.version, thought.shadow) == (small, None)
