"""What every model promises, the learned one and the fixed one alike."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.calibration import LEAST_WORDS
from models.fixed import FixedModel, prediction
from models.registry import load_model
from models.triage import Model
from schemas.predictions import Prediction, TicketText
from schemas.words import SEVERITIES

STARTER = load_model()
FIXED = FixedModel(
    {"Line 4 stands": prediction("plc_scada", 0.98, severity="sev1", gxp=True), "Who may sign?": prediction("access_training", 0.6)}
)

TEXTS = (
    TicketText(title="Line 4 stands", body="No tags since 06:10, phase waits", site="Cork", reporter_role="operator"),
    TicketText(title="Who may sign?", body="Second signature refuses my badge", site="Lyon", reporter_role="qa_reviewer"),
    TicketText(title="Falsches Etikett", body="Charge läuft", site="Ulm", reporter_role="warehouse", language="de"),
    TicketText(title="x", site="Cork"),
    TicketText(title="\u200b\ufffd 包装线停了", body="\t\n" * 40, site="Cork", reporter_role="Überrolle mit Leerzeichen"),
    TicketText(title="long", body="pallet label " * 4_000, site="Cork"),
)


@pytest.fixture(params=[STARTER, FIXED], ids=["starter", "fixed"])
def model(request: pytest.FixtureRequest) -> Model:
    answer: Model = request.param
    return answer


def alone(model: Model, texts: Sequence[TicketText]) -> list[Prediction]:
    return [answer for text in texts for answer in model.predict([text])]


def test_no_text_gets_no_answer(model: Model) -> None:
    assert model.predict([]) == []


def test_each_text_gets_one_answer_in_its_place(model: Model) -> None:
    assert len(model.predict(TEXTS)) == len(TEXTS)
    assert model.predict(TEXTS[::-1]) == model.predict(TEXTS)[::-1]


def test_a_text_is_answered_the_same_alone_and_in_a_batch(model: Model) -> None:
    assert alone(model, TEXTS) == model.predict(TEXTS)


def test_the_same_text_is_answered_the_same_again(model: Model) -> None:
    assert model.predict(TEXTS) == model.predict(TEXTS)


def test_an_answer_names_its_version(model: Model) -> None:
    assert model.version
    assert {answer.model for answer in model.predict(TEXTS)} == {model.version}


def test_systems_are_ranked_and_share_one(model: Model) -> None:
    for answer in model.predict(TEXTS):
        given = [ranked.probability for ranked in answer.systems]
        assert given == sorted(given, reverse=True)
        assert sum(given) == pytest.approx(1, abs=0.001)
        assert len({ranked.system for ranked in answer.systems}) == len(given)


def test_confidence_is_what_the_first_system_has(model: Model) -> None:
    assert all(answer.confidence == answer.systems[0].probability for answer in model.predict(TEXTS))


def test_what_is_said_of_unknown_words_is_a_share(model: Model) -> None:
    assert all(0 <= answer.unknown_words <= 1 for answer in model.predict(TEXTS))


def test_a_ticket_is_routed_where_the_confidence_reaches_the_threshold_and_there_are_some_words(model: Model) -> None:
    for text, answer in zip(TEXTS, model.predict(TEXTS), strict=True):
        sure = answer.confidence >= answer.threshold
        assert answer.decision == "triage" or sure
        assert answer.decision == "route" or not sure or len(f"{text.title} {text.body}".split()) < LEAST_WORDS


def test_the_prediction_set_holds_the_first_system_and_only_known_ones(model: Model) -> None:
    for answer in model.predict(TEXTS):
        ranked = [system.system for system in answer.systems]
        assert answer.prediction_set[0] == ranked[0]
        assert set(answer.prediction_set) <= set(ranked)


def test_severities_are_all_four_in_order_and_share_one(model: Model) -> None:
    for answer in model.predict(TEXTS):
        assert tuple(ranked.severity for ranked in answer.severities) == SEVERITIES
        assert sum(ranked.probability for ranked in answer.severities) == pytest.approx(1, abs=0.001)


def test_a_severity_that_is_certain_is_suggested(model: Model) -> None:
    """Where there is doubt, what an error would cost decides."""
    for answer in model.predict(TEXTS):
        best = max(answer.severities, key=lambda ranked: ranked.probability)
        assert answer.severity == best.severity or best.probability < 0.99


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.builds(TicketText, title=st.text(max_size=80), body=st.text(max_size=300), reporter_role=st.text(max_size=20)), max_size=5)
)
def test_any_text_is_answered(model: Model, texts: list[TicketText]) -> None:
    assert model.predict(texts) == alone(model, texts)


def test_a_fixed_model_answers_from_its_table() -> None:
    stopped, question, *others = FIXED.predict(TEXTS)
    assert (stopped.systems[0].system, stopped.decision, stopped.severity, stopped.gxp) == ("plc_scada", "route", "sev1", True)
    assert (question.decision, question.prediction_set) == ("triage", ("access_training", "other"))
    assert {answer.decision for answer in others} == {"triage"}


def test_a_fixed_model_answers_otherwise_as_it_was_told() -> None:
    model = FixedModel({}, otherwise=prediction("erp", 0.9))
    assert model.predict([TicketText(title="anything")])[0].systems[0].system == "erp"
