"""People's words become labels, nobody's word weighs much alone, and who contradicts everything is named."""

import numpy as np
import pytest

from models.examples import Example
from models.local import LOCAL_WEIGHT, MOST_OF_A_CLASS, Taught, folds, weights
from schemas import events as e
from schemas.entries import Attribution
from services.ledger import Ledger
from services.teaching import doubts, labels
from tests.corpora import whole_corpus
from tests.lives import DESK, ENGINEER, QA, happened, submitted
from tests.test_judgements import RESOLVED, TO_ERP, TO_LIMS, decided


def taught(ledger: Ledger, *without: str) -> list[Taught]:
    with ledger.database.read() as connection:
        return labels(connection, without)


def labelled(system: str, actor: str, number: int = 1) -> list[Taught]:
    example: Example = whole_corpus()[0].model_copy(update={"system": system})
    return [Taught(example, actor, True)] * number


def test_a_correction_and_a_confirmed_closure_are_labels_with_who_said_so(ledger: Ledger) -> None:
    moved, closed, open_still = decided(ledger), decided(ledger), decided(ledger)
    happened(ledger, moved.id, TO_LIMS, DESK)
    happened(ledger, closed.id, TO_ERP, DESK)
    happened(ledger, closed.id, RESOLVED)
    happened(ledger, closed.id, e.TicketClosed(), DESK)
    found = {each.example.id: each for each in taught(ledger)}
    assert sorted(found) == [f"Cork-{moved.id}", f"Cork-{closed.id}"]
    assert open_still.id not in str(sorted(found))
    first, second = found[f"Cork-{moved.id}"], found[f"Cork-{closed.id}"]
    assert (first.example.system, first.actor, first.graded) == ("lims", "dora", False)
    assert (second.example.system, second.actor, second.graded) == ("erp", "erik", True)


def test_severity_counts_where_a_person_confirmed_it(ledger: Ledger) -> None:
    ticket = decided(ledger)
    happened(ledger, ticket.id, TO_LIMS, DESK)
    happened(ledger, ticket.id, e.TicketReclassified(severity="sev1"), QA)
    (label,) = taught(ledger)
    assert (label.graded, label.example.severity) == (True, "sev1")


@pytest.mark.parametrize(("cause", "kind"), [("training", "training"), ("master_data", "data"), ("device", "defect"), ("access", "access")])
def test_the_cause_says_what_kind_it_was(ledger: Ledger, cause: str, kind: str) -> None:
    ticket = decided(ledger)
    happened(ledger, ticket.id, TO_ERP, DESK)
    happened(ledger, ticket.id, RESOLVED.model_copy(update={"cause_class": cause}))
    assert [each.example.kind for each in taught(ledger)] == [kind]


def test_nobody_teaches_by_their_own_ticket_and_who_is_left_out_does_not_teach(ledger: Ledger) -> None:
    own, other = decided(ledger, reporter="dora"), decided(ledger)
    for ticket in (own, other):
        happened(ledger, ticket.id, TO_LIMS, DESK)
    assert [each.example.id for each in taught(ledger)] == [f"Cork-{other.id}"]
    assert taught(ledger, "dora") == []


def test_a_ticket_that_nobody_judged_teaches_nothing(ledger: Ledger) -> None:
    submitted(ledger)
    decided(ledger)
    assert taught(ledger) == []


def test_who_contradicts_sure_answers_most_of_the_time_is_named(ledger: Ledger) -> None:
    mallory = Attribution("mallory", "automation_engineer")
    for number in range(40):
        happened(ledger, decided(ledger).id, TO_LIMS if number % 2 else TO_ERP, mallory)
        happened(ledger, decided(ledger).id, TO_LIMS if number % 20 == 0 else TO_ERP, ENGINEER)
    with ledger.database.read() as connection:
        assert [(each.actor, each.labels, each.contradicting) for each in doubts(connection)] == [("mallory", 40, 20)]


def test_few_labels_weigh_three_times_what_others_wrote() -> None:
    assert weights(labelled("erp", "erik", 4), {"erp": 1000.0}).tolist() == [LOCAL_WEIGHT] * 4


def test_one_persons_labels_never_weigh_more_than_three_hundredths_of_a_class() -> None:
    flipped = [*labelled("erp", "mallory", 500), *labelled("erp", "erik", 30), *labelled("lims", "erik", 5)]
    given = weights(flipped, {"erp": 1000.0, "lims": 900.0})
    total = 1000.0 + given[:530].sum()
    assert given[:500].sum() <= MOST_OF_A_CLASS * total * 1.0001
    assert given[530:].tolist() == [LOCAL_WEIGHT] * 5


def test_neighbours_in_time_are_held_out_together() -> None:
    parts = folds(23)
    assert sorted(set(parts.tolist())) == [0, 1, 2, 3, 4]
    assert (np.diff(parts) >= 0).all()
