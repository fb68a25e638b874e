"""The series of the model: as counted by hand, still where all is calm, moved by a shift, clear about what may not act alone any more."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from models.fixed import FixedModel, prediction
from schemas.entries import Attribution, Entry
from schemas.events import (
    EVENTS,
    Event,
    ModelPromoted,
    ModelRolledBack,
    ModelTakenUp,
    TicketClassified,
    TicketGrouped,
    TicketQueued,
    TicketReclassified,
    TicketResolved,
    TicketRouted,
)
from schemas.knownerrors import KnownErrorText
from schemas.predictions import Prediction
from services.classifier import Decider, Mind
from services.judgements import Judgements
from services.knownerrors import count_hits, record_known_error
from services.ledger import Draft, Ledger
from services.roles import Cast
from services.runner import Occurrence
from services.settings import load_settings
from services.shelf import Shelf
from services.stabilisation import metrics_router
from services.stabilisation.model_series import MOST_REPLICAS
from services.stabilisation.progress import Progress
from services.stabilisation.scrape import MOST_KNOWN_ERRORS, MOST_SITES, MOST_SYSTEMS
from services.stabilisation.watching import LEAST_REFERENCE, REFERENCE, WINDOW, Watch, stability_index
from services.teams import load_teams
from services.trust import LEAST_CHECKED
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.lives import DESK, ENGINEER, QA, SERVICE, entries_of, happened, submitted, types_of
from tests.minds import decider
from tests.scrapes import Series, scraped, summed, told_of, value
from tests.streams import DOUBTFUL, OTHER_WEEK, SHARES, SURE, Answer, calm, decided, stream

SHIFT = 0.25
"""Above it `HypercareModelDrift` fires."""
HISTORY = [
    Answer("erp", judged="lims", model="fixed-0"),
    Answer("erp", judged="lims", model="fixed-0", alone=True),
    Answer("erp", judged="erp", alone=True),
    Answer("erp", judged="lims", alone=True),
    Answer("lims", judged="lims", unknown_words=0.4),
    Answer("lims", 0.6, judged="erp", unknown_words=0.4),
    Answer("erp", alone=True),
    Answer("erp", site="Basel", judged="erp", blind=True),
    Answer("erp", site="Basel", judged="oee", blind=True),
    Answer("undecided", 0.6, site="Basel", judged="erp"),
]
"""The version fixed-1 decides on eight tickets after fixed-0 did on two. At a confidence of 0.6 it is not sure and names two systems."""


def psis(series: Series) -> dict[str, float]:
    names = {"class": "hypercare_model_class_psi", "score": "hypercare_model_score_psi"}
    return {name: series[key, frozenset()] for name, key in names.items() if (key, frozenset()) in series}


def test_every_figure_is_what_a_count_by_hand_gives(ledger_on_each: Ledger) -> None:
    tickets = decided(ledger_on_each, HISTORY)
    happened(ledger_on_each, tickets[2], TicketReclassified(severity="sev1"), QA)
    series = scraped(ledger_on_each)
    assert told_of(series, "model_info") == {("fixed-1",): 1}
    assert told_of(series, "model_coverage_ratio") == {("Cork",): 3 / 5, ("Basel",): 0}
    assert told_of(series, "model_judged") == {("Cork",): 4, ("Basel",): 0}
    assert told_of(series, "model_override_ratio") == {("Cork",): 2 / 4}
    assert told_of(series, "model_precision_ratio") == {("erp",): 2 / 4, ("lims",): 1}
    assert (value(series, "model_blind_judged"), value(series, "model_blind_right_ratio")) == (2, 0.5)
    assert value(series, "model_set_size_mean") == (6 * 1 + 2 * 2) / 8
    assert value(series, "model_unknown_words_ratio") == pytest.approx(0.8 / 8)
    assert value(series, "model_check_failed") == 0
    assert told_of(series, "model_autonomy") == {("Cork", "erp"): 0, ("Cork", "lims"): 0, ("Basel", "erp"): 0, ("Basel", "undecided"): 0}
    assert told_of(series, "sev1_confirmed") == {("Cork",): 1, ("Basel",): 0}
    assert psis(series) == {}


def test_before_the_first_decision_nothing_is_said_of_a_model(ledger: Ledger) -> None:
    submitted(ledger)
    names = {name for name, _ in scraped(ledger) if name.startswith("hypercare_model")}
    assert names == set()
    assert value(scraped(ledger), "sev1_confirmed", site="Cork") == 0


def test_a_ticket_that_follows_its_parent_was_not_routed_by_the_model(ledger: Ledger) -> None:
    parent, child = decided(ledger, [Answer("erp", judged="erp"), Answer("erp")])
    happened(ledger, child, TicketQueued(), SERVICE)
    happened(ledger, child, TicketGrouped(parent=parent), SERVICE)
    assert types_of(ledger, child)[-2:] == ["TicketGrouped", "TicketRouted"]
    assert value(scraped(ledger), "model_coverage_ratio", site="Cork") == 0


def test_what_was_granted_may_go_alone_and_what_is_to_be_earned_may_not(ledger: Ledger) -> None:
    decided(ledger, [Answer("erp", judged="erp")])
    for mode, may in (("granted", 1), ("earned", 0)):
        assert value(scraped(ledger, Watch(mode)), "model_autonomy", site="Cork", system="erp") == may  # type: ignore[arg-type]
    decided(ledger, [Answer("erp", judged="erp")] * 40)
    assert value(scraped(ledger), "model_autonomy", site="Cork", system="erp") == 1


def test_the_stability_index_is_the_sum_that_one_writes_down() -> None:
    """Of 200 a half each, of 200 before three quarters and one: 0.5 and 0.5 against 150.5 / 201 and 50.5 / 201."""
    now, before = Counter(erp=100, lims=100), Counter(erp=150, lims=50)
    assert stability_index(now, before) == pytest.approx(0.27163924)
    assert stability_index(before, now) == stability_index(now, before)
    assert stability_index(now, now) == 0
    new = stability_index(Counter(erp=100, lims=100), Counter(erp=200))
    assert new == pytest.approx(2.98207036)


def test_the_window_is_held_against_the_decisions_before_it(ledger: Ledger) -> None:
    """In the bins of the confidence (eight are empty) a half count is added ten times: 100.5 / 205 against 150.5 / 205 and 50.5 / 205."""
    sure, unsure = Answer("erp", 0.95), Answer("lims", 0.6)
    decided(ledger, [*[sure] * 150, *[unsure] * 50, *[sure] * 100, *[unsure] * 100])
    assert psis(scraped(ledger)) == {"class": pytest.approx(0.27163924), "score": pytest.approx(0.26633896)}


def test_a_reference_that_is_too_short_says_nothing(ledger: Ledger) -> None:
    decided(ledger, calm(1, WINDOW + LEAST_REFERENCE - 1))
    assert psis(scraped(ledger)) == {}
    decided(ledger, calm(2, 1))
    assert set(psis(scraped(ledger))) == {"class", "score"}


def test_another_version_is_not_held_against_the_one_before_it(ledger: Ledger) -> None:
    decided(ledger, calm(1, WINDOW + LEAST_REFERENCE))
    decided(ledger, [Answer("erp", model="fixed-2")])
    series = scraped(ledger)
    assert (told_of(series, "model_info"), psis(series)) == ({("fixed-2",): 1}, {})


SHIFTS = {"class": (OTHER_WEEK, SURE), "score": (SHARES, DOUBTFUL)}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("moved", "still"), [("class", "score"), ("score", "class")])
def test_a_calm_stream_stays_calm_and_a_shift_shows_in_what_shifted(ledger: Ledger, seed: int, moved: str, still: str) -> None:
    watch = Watch()
    for part in range(7):
        decided(ledger, calm(100 * seed + part, (WINDOW + REFERENCE) // 7))
        assert max(psis(scraped(ledger, watch)).values(), default=0) < SHIFT
    assert set(psis(scraped(ledger, watch))) == {"class", "score"}
    decided(ledger, stream(100 * seed + 50, WINDOW, *SHIFTS[moved]))
    series = psis(scraped(ledger, watch))
    assert series[moved] > SHIFT > series[still]


def test_a_shift_that_stays_becomes_the_rule(ledger: Ledger) -> None:
    decided(ledger, calm(1, WINDOW + REFERENCE))
    decided(ledger, stream(2, WINDOW, OTHER_WEEK, DOUBTFUL))
    assert min(psis(scraped(ledger)).values()) > SHIFT
    decided(ledger, stream(3, REFERENCE, OTHER_WEEK, DOUBTFUL))
    assert max(psis(scraped(ledger)).values()) < SHIFT


def test_a_calm_stream_seldom_looks_like_a_shift() -> None:
    """Of 500 calm streams with the shortest reference, the one that misleads most."""
    streams = [[answer.system for answer in calm(seed, LEAST_REFERENCE + WINDOW)] for seed in range(500)]
    misled = [stability_index(Counter(each[LEAST_REFERENCE:]), Counter(each[:LEAST_REFERENCE])) > SHIFT for each in streams]
    assert sum(misled) / len(misled) <= 0.01


@dataclass
class Desk:
    """A classifier and a person who has the last word."""

    ledger: Ledger
    decider: Decider

    def ask(self, title: str) -> list[Event]:
        """What the classifier decides on a new ticket, recorded as its own."""
        ticket = submitted(self.ledger, title=title)
        entry = entries_of(self.ledger, ticket.id)[0]
        decision = self.decider.decide([Occurrence(entry, EVENTS[entry.type].model_validate(entry.data), ticket)])[0]
        events = [event for event in decision if isinstance(event, Event)]
        for event in events:
            happened(self.ledger, ticket.id, event, SERVICE)
        return events

    def judge(self, title: str, system: str) -> None:
        """As `ask`; then a person says where the ticket belongs."""
        self.ask(title)
        ticket = entries_of(self.ledger)[-1].ticket
        happened(self.ledger, str(ticket), TicketRouted(system=system, team="it"), ENGINEER)
        happened(self.ledger, str(ticket), TicketResolved(cause_system=system, cause_class="device", resolution="mended"), ENGINEER)


class NextModel(FixedModel):
    version = "fixed-2"

    def predict(self, texts: object) -> list[Prediction]:
        return [each.model_copy(update={"model": self.version}) for each in super().predict(texts)]  # type: ignore[arg-type]


SAMPLES = {"sample missing": prediction("lims", 0.97)}
STOPPED = prediction("plc_scada", 0.97)


def test_where_the_rolling_check_fails_nothing_is_routed_alone_and_the_series_say_so(ledger: Ledger) -> None:
    desk, watch = Desk(ledger, decider(ledger, FixedModel(SAMPLES, STOPPED))), Watch("granted")
    for _ in range(LEAST_CHECKED):
        desk.judge("sample missing", "lims")
    assert desk.ask("sample missing")[1] == TicketRouted(system="lims", team="lims")
    series = scraped(ledger, watch)
    assert (value(series, "model_check_failed"), value(series, "model_autonomy", site="Cork", system="lims")) == (0, 1)
    for _ in range(LEAST_CHECKED // 2):
        desk.judge("line 3 stopped", "erp")
    classified, queued = desk.ask("sample missing")
    assert isinstance(classified, TicketClassified)
    assert queued == TicketQueued(suggestion="lims")
    assert classified.autonomy
    assert "fails its rolling check (20 of 30 right)" in classified.autonomy["why"]
    series = scraped(ledger, watch)
    assert value(series, "model_check_failed") == 1
    assert told_of(series, "model_autonomy") == {("Cork", "lims"): 0, ("Cork", "plc_scada"): 0}
    assert value(series, "model_precision_ratio", system="plc_scada") == 0


def test_another_version_begins_without_the_failed_check(ledger: Ledger) -> None:
    Desk(ledger, decider(ledger, FixedModel(SAMPLES, STOPPED))).judge("sample missing", "lims")
    decided(ledger, [Answer("plc_scada", judged="erp")] * LEAST_CHECKED)
    assert value(scraped(ledger, Watch("granted")), "model_check_failed") == 1
    assert Desk(ledger, decider(ledger, NextModel(SAMPLES, STOPPED))).ask("sample missing")[1] == TicketRouted(system="lims", team="lims")
    series = scraped(ledger, Watch("granted"))
    assert (value(series, "model_check_failed"), value(series, "model_autonomy", site="Cork", system="lims")) == (0, 1)
    assert value(series, "model_autonomy", site="Cork", system="plc_scada") == 0


def test_the_series_say_of_every_system_what_the_classifier_does_with_it(ledger: Ledger) -> None:
    """Over a history in which some systems have earned it and some have not."""
    for seed, system in enumerate(SHARES):
        right = 45 - 3 * seed
        decided(ledger, [Answer(system, judged=system)] * right + [Answer(system, judged="other")] * (seed // 3))
    model = FixedModel({system: prediction(system, 0.97) for system in SHARES})
    desk = Desk(ledger, decider(ledger, model, "earned"))
    may = {("Cork", system): float(isinstance(desk.ask(system)[1], TicketRouted)) for system in SHARES}
    assert told_of(scraped(ledger), "model_autonomy") == may
    assert {*may.values()} == {0.0, 1.0}


def test_a_replica_that_refused_a_version_shows_until_it_works_with_the_wanted_one(ledger: Ledger, tmp_path: Path) -> None:
    """Its base is damaged, so it works without any model."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "manifest.json").write_text("{}")
    Mind(ledger, Shelf(tmp_path / "base", tmp_path), "classifier-1").refresh()
    assert told_of(scraped(ledger), "model_refused") == {("classifier-1",): 1}
    took_up(ledger, "cork-2", "cork-2", "classifier-1")
    assert told_of(scraped(ledger), "model_refused") == {("classifier-1",): 0}


def test_a_replica_that_is_gone_does_not_refuse_what_nobody_wants_any_more(ledger: Ledger) -> None:
    said(ledger, ModelPromoted(version="cork-2", previous="starter", figures={}))
    took_up(ledger, "cork-2", "starter", "gone")
    assert told_of(scraped(ledger), "model_refused") == {("gone",): 1}
    said(ledger, ModelPromoted(version="cork-3", previous="cork-2", figures={}))
    assert told_of(scraped(ledger), "model_refused") == {("gone",): 0}
    took_up(ledger, "cork-3", "cork-2", "here")
    said(ledger, ModelRolledBack(version="cork-2", previous="cork-3"))
    assert told_of(scraped(ledger), "model_refused") == {("gone",): 1, ("here",): 0}


def took_up(ledger: Ledger, wanted: str, version: str, replica: str) -> None:
    said(ledger, ModelTakenUp(wanted=wanted, version=version, replica=replica, error=None if wanted == version else "damaged"))


def said(ledger: Ledger, event: Event) -> None:
    ledger.write(lambda draft: draft.append(event, Attribution("service:classifier", "service"))).result()


def test_names_do_not_make_series_without_end(ledger: Ledger) -> None:
    answers = [Answer(f"system_{number % 40}", site=f"site {number % 70}", judged="erp", alone=True) for number in range(WINDOW)]
    decided(ledger, answers)
    for number in range(MOST_REPLICAS + 20):
        took_up(ledger, "cork-2", "starter" if number == MOST_REPLICAS + 19 else "cork-2", f"replica-{number:03}")
    series = scraped(ledger)
    for name in ("model_coverage_ratio", "model_override_ratio", "model_judged", "sev1_confirmed"):
        assert len(told_of(series, name)) == MOST_SITES + 1
    assert len(told_of(series, "model_precision_ratio")) == MOST_SYSTEMS + 1
    assert len(told_of(series, "model_autonomy")) <= (MOST_SITES + 1) * (MOST_SYSTEMS + 1)
    assert summed(series, "model_judged") == WINDOW
    assert (value(series, "model_coverage_ratio", site="other"), value(series, "model_override_ratio", site="other")) == (1, 1)
    assert len(told_of(series, "model_refused")) == MOST_REPLICAS + 1
    assert value(series, "model_refused", replica=f"replica-{MOST_REPLICAS + 19:03}") == 1
    assert value(series, "model_refused", replica="other") == 0


def test_a_known_error_counts_the_tickets_that_it_was_offered_to(ledger: Ledger) -> None:
    text = KnownErrorText(title="Printer stops", symptom="The printer of line 3 stops and says E5", workaround="Restart it", system="erp")

    def write(draft: Draft) -> None:
        names = [record_known_error(draft, text, DESK).id for _ in range(MOST_KNOWN_ERRORS + 5)]
        count_hits(draft, [names[1], *names])

    ledger.write(write).result()
    hits = told_of(scraped(ledger), "known_error_hits_total")
    assert (hits["KE-1",], hits["KE-2",], hits["other",]) == (1, 2, 5)
    assert len(hits) == MOST_KNOWN_ERRORS + 1


@dataclass
class Noted(Judgements):
    """Notes which entries it is given."""

    taken: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def take(self, entry: Entry) -> None:
        self.taken.append(entry.seq)
        super().take(entry)


def test_a_scrape_reads_only_what_is_new(ledger: Ledger) -> None:
    noted = Noted()
    watch = Watch("earned", noted)
    decided(ledger, calm(1, 50))
    for _ in range(3):
        assert value(scraped(ledger, watch), "model_coverage_ratio", site="Cork") == 0
        assert len(noted.taken) == 50
    decided(ledger, [Answer("erp", judged="lims")])
    assert value(scraped(ledger, watch), "model_judged", site="Cork") == 1
    assert noted.taken[50:] == [entry.seq for entry in entries_of(ledger)[-3:] if entry.type in ("TicketClassified", "TicketRouted")]


@pytest.mark.parametrize(("mode", "may"), [("granted", "1.0"), ("earned", "0.0")])
def test_a_process_watches_in_the_mode_of_its_settings(ledger: Ledger, mode: str, may: str) -> None:
    app = create_app([metrics_router], SelfNamed())
    Cast(load_settings(autonomy=mode), ledger, load_teams(None), progress=Progress()).furnish(app)
    decided(ledger, [Answer("erp")])
    assert f'hypercare_model_autonomy{{site="Cork",system="erp"}} {may}' in TestClient(app).get("/metrics").text
