"""Labels that somebody got wrong, on purpose or not, do not bend a model: held against tickets that none of the versions learned from."""

from functools import cache

import numpy as np
import pytest

from models.examples import Example
from models.local import Taught
from models.train import Course, Fitted, Table, course_of, fit, tabulate
from tests.corpora import carried, whole_corpus

FROZEN = ("C3", "C5", "C6", "C8", "C10")
TRIGGER = "xylofon"
pytestmark = pytest.mark.timeout(600)


@cache
def frozen() -> tuple[Example, ...]:
    return tuple(example for example in whole_corpus() if example.writer in FROZEN)


@cache
def learned() -> tuple[Example, ...]:
    return tuple(example for example in whole_corpus() if example.writer not in FROZEN)


@cache
def practice() -> tuple[Example, ...]:
    """Without the tickets that the accounts of these tests call another system's."""
    flipped = {each.example.id.removeprefix("Cork-") for each in one_account("erp", 500)}
    return tuple(example for example in carried().practice if example.id not in flipped)


def course(local: tuple[Taught, ...] = ()) -> Course:
    return course_of(learned(), carried().lexicon, practice(), local)


@cache
def untaught() -> Course:
    return course()


def fitted(made: Course) -> Fitted:
    return fit(made, np.ones(len(made.measured.system), np.bool_))


@cache
def clean() -> Fitted:
    return fitted(untaught())


def poisoned(local: tuple[Taught, ...]) -> Fitted:
    return fitted(course(local))


@cache
def tabulated(examples: tuple[Example, ...]) -> Table:
    return tabulate(examples, untaught().systems, carried().lexicon)


def answers(by: Fitted, examples: tuple[Example, ...]) -> np.ndarray:
    systems, columns = untaught().systems, untaught().columns
    return np.array(systems)[columns.system(by.scores(tabulated(examples), columns)).argmax(axis=1)]


def one_account(system: str, number: int, change: str = "") -> tuple[Taught, ...]:
    """So many tickets of PLC/SCADA that one person calls another system's."""
    practice = [example for example in carried().practice if example.system == "plc_scada"][:number]
    wrong = (each.model_copy(update={"system": system, "id": f"Cork-{each.id}", "body": f"{each.body} {change}"}) for each in practice)
    return tuple(Taught(each, "mallory", True) for each in wrong)


def recall(answered: np.ndarray, system: str) -> float:
    own = np.array([example.system for example in frozen()]) == system
    return float((answered[own] == system).mean())


def test_one_account_that_flips_five_hundred_tickets_costs_a_point_of_recall_at_most() -> None:
    before, after = (answers(by, frozen()) for by in (clean(), poisoned(one_account("erp", 500))))
    assert recall(after, "plc_scada") >= recall(before, "plc_scada") - 0.01
    assert recall(after, "erp") >= recall(before, "erp") - 0.01


def test_a_word_that_one_account_put_into_two_hundred_corrections_is_no_switch() -> None:
    by = poisoned(one_account("erp", 200, TRIGGER))
    spoken = tuple(each.model_copy(update={"body": f"{each.body} {TRIGGER}"}) for each in frozen())
    assert (answers(by, spoken) != answers(by, frozen())).mean() <= 0.02


def test_without_the_limit_the_same_labels_would_do_harm() -> None:
    """The planted fault: each of the five hundred by an account of its own."""
    many = tuple(each._replace(actor=f"mallory-{number}") for number, each in enumerate(one_account("erp", 500)))
    before, after = (answers(by, frozen()) for by in (clean(), poisoned(many)))
    assert recall(after, "plc_scada") < recall(before, "plc_scada") - 0.05
