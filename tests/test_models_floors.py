"""Floors: rules as data, each with texts that it must and must not hold for."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import RulesInvalid
from models.floor_report import floor_report
from models.floors import FLOORS, Floors, Rule, load_floors
from schemas.predictions import TicketText
from tests.corpora import small_corpus, whole_corpus

SHIPPED = load_floors()
RULES = {rule.id: rule for rule in SHIPPED.rules}


def hits(text: TicketText, floors: Floors = SHIPPED) -> set[str]:
    return {hit.rule for hit in floors.hits(text)}


CASES = [(rule.id, words) for rule in SHIPPED.rules for words in rule.examples]
COUNTER_CASES = [(rule.id, words) for rule in SHIPPED.rules for words in rule.counterexamples]

OWN = """
[[floor]]
id = "valve-open"
severity = "sev2"
gxp = true
reason = "A valve may be open"
examples = ["Valve 7 stays open", "Ventil 7 öffnet"]
counterexamples = ["Valve 7 stays shut", "open valves list"]
[[floor.when]]
all = [["valve", "ventil"], ["open", "öffn*"]]
none = ["list"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "floors.toml"
    path.write_text(text, encoding="utf-8")
    return path


def own(folder: Path, text: str = OWN) -> Floors:
    return load_floors(write(folder, text))


@pytest.mark.parametrize(("rule", "words"), CASES)
def test_a_rule_holds_for_its_examples(rule: str, words: str | TicketText) -> None:
    assert rule in hits(RULES[rule].ticket(words))


@pytest.mark.parametrize(("rule", "words"), COUNTER_CASES)
def test_a_rule_does_not_hold_for_its_counterexamples(rule: str, words: str | TicketText) -> None:
    assert rule not in hits(RULES[rule].ticket(words))


@pytest.mark.parametrize("rule", SHIPPED.rules, ids=lambda rule: rule.id)
def test_each_rule_is_tried_in_several_languages_and_against_harmless_texts(rule: Rule) -> None:
    assert len(rule.examples) >= 6
    assert len(rule.counterexamples) >= 3
    assert len(rule.reason) > 20


@pytest.mark.parametrize(
    ("text", "rule", "severity", "gxp"),
    [
        ("Wrong label on the cartons", "label-mix-up", "sev1", True),
        ("Genealogy is missing one drum", "genealogy-gap", "sev2", True),
        ("MES down for all users", "everything-down", "sev1", False),
        ("Operator confirmed step 12 by mistake", "operator-deviation", None, True),
    ],
)
def test_a_hit_carries_severity_flag_and_reason(text: str, rule: str, severity: str | None, gxp: bool) -> None:
    (hit,) = [hit for hit in SHIPPED.hits(TicketText(title=text)) if hit.rule == rule]
    assert (hit.severity, hit.gxp, hit.reason) == (severity, gxp, RULES[rule].reason)


def test_a_rule_that_the_title_begins_and_the_body_ends_holds() -> None:
    assert "label-mix-up" in hits(TicketText(title="The cartons of line 4 got", body="labels of another lot. Rest is fine."))


def test_terms_of_different_sentences_do_not_make_a_hit() -> None:
    assert "genealogy-gap" not in hits(TicketText(title="-", body="Genealogy is fine. A screw is missing."))


def test_case_and_accents_do_not_matter() -> None:
    assert "label-mix-up" in hits(TicketText(title="MAUVAISE ETIQUETTE sur les bidons"))
    assert "label-mix-up" in hits(TicketText(title="mauvaise étiquette sur les bidons"))


def test_a_term_inside_a_longer_word_does_not_count(tmp_path: Path) -> None:
    assert not hits(TicketText(title="intervalve reopened"), own(tmp_path))


def test_a_stopped_line_counts_unless_a_workaround_is_known() -> None:
    assert "production-stopped" in hits(TicketText(title="Printer", stopped="Line 4"))
    assert "production-stopped" not in hits(TicketText(title="Printer", stopped="Line 4", workaround="line 5 takes the order"))


def test_what_is_stopped_is_read_from_its_field_only() -> None:
    assert "site-stopped" not in hits(TicketText(title="all lines", body="everything"))
    assert "site-stopped" in hits(TicketText(title="x", stopped="Alle Linien"))


def test_the_whole_of_the_longest_body_is_read() -> None:
    assert "label-mix-up" in hits(TicketText(title="x", body="word " * 3_900 + "wrong label on carton"))
    assert not hits(TicketText(title="x", body="word " * 4_100 + "wrong label on carton"))


def test_hits_come_in_the_order_of_the_file() -> None:
    found = [hit.rule for hit in SHIPPED.hits(TicketText(title="Wrong label on cartons", body="Audit trail is off", stopped="line 4"))]
    assert {"label-mix-up", "record-lost-or-changed", "production-stopped"} <= set(found)
    assert found == [rule.id for rule in SHIPPED.rules if rule.id in found]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.text(max_size=600), st.none() | st.text(max_size=60))
def test_any_text_can_be_read(title: str, body: str, stopped: str | None) -> None:
    assert isinstance(SHIPPED.hits(TicketText(title=title, body=body, stopped=stopped)), tuple)


def test_no_word_is_compared_with_more_than_a_few_terms() -> None:
    """Terms are found by their longest word, so no text can make the rules of the product slow."""
    terms = SHIPPED._terms
    assert len(terms._whole) > 1_000
    assert max(map(len, terms._whole.values())) < 60
    assert max(map(len, terms._stems.values())) < 60


def test_a_text_made_to_slow_a_matcher_down_is_read() -> None:
    assert not hits(TicketText(title="etikett" * 1_000, body="falsche " * 2_500))
    assert not hits(TicketText(title="<" * 5_000, body="<b " * 5_000))


@pytest.mark.parametrize(
    "words",
    [
        "What if a wrong label gets on the cartons?",
        "Wrong label on the cartons was fixed yesterday",
        "How do I report a wrong label on the cartons?",
        "Was passiert wenn ein falsches Etikett geklebt wird?",
        "Qué pasa si hay una etiqueta equivocada en los frascos",
        "Comment faire si une mauvaise étiquette est collée",
        "Cosa succede se c'è un'etichetta sbagliata sui flaconi",
        "O que acontece se o rótulo errado for colado",
    ],
)
def test_a_question_a_supposition_and_a_thing_of_the_past_are_no_floor(words: str) -> None:
    assert not hits(TicketText(title=words))


def test_what_is_passed_over_takes_nothing_else_with_it() -> None:
    assert "label-mix-up" in hits(TicketText(title="Label", body="What if it happens again? Wrong label on the cartons of line 4."))


NEIGHBOURS = OWN.replace("[[floor.when]]", "[[floor.when]]\nwithin = 2")


def test_terms_may_meet_in_neighbouring_sentences_where_a_rule_says_so(tmp_path: Path) -> None:
    floors = own(tmp_path, NEIGHBOURS)
    assert hits(TicketText(title="The valve again", body="It stays open. Nobody knows why."), floors) == {"valve-open"}
    assert not hits(TicketText(title="The valve again", body="It is on a list. The list stays open."), floors)


def test_terms_that_rules_share_are_named_once(tmp_path: Path) -> None:
    shared = '[terms]\nvalves = ["valve", "ventil"]\n' + OWN.replace('["valve", "ventil"]', '["@valves"]')
    assert hits(TicketText(title="Das Ventil öffnet"), own(tmp_path, shared)) == {"valve-open"}


def test_a_site_may_bring_its_own_rules(tmp_path: Path) -> None:
    floors = own(tmp_path)
    assert hits(TicketText(title="x", body="Das Ventil öffnet von selbst"), floors) == {"valve-open"}


def test_the_digest_names_the_file(tmp_path: Path) -> None:
    first, second = own(tmp_path), own(tmp_path, OWN + "\n# changed\n")
    assert len(first.digest) == 64
    assert first.digest != second.digest
    assert load_floors(FLOORS).digest == SHIPPED.digest


@pytest.mark.parametrize(
    ("fault", "by", "said"),
    [
        ('"valve", "ventil"', '"ventil"', "does not hold for its own example 'Valve 7 stays open'"),
        ('none = ["list"]', "", "holds for its own example 'open valves list'"),
        ('"öffn*"', '"(o+)+"', "is not a term"),
        ('"öffn*"', '"öf*fn"', "is not a term"),
        ('"öffn*"', '"öffn*  weit"', "is not a term"),
        ('"sev2"', '"sev9"', "severity"),
        ("gxp = true", "", "gxp"),
        ('reason = "A valve may be open"', "", "reason"),
        ("examples = [", "sample = [", "examples"),
        ("all = [[", "any = [[", "any"),
        ('all = [["valve", "ventil"], ["open", "öffn*"]]', "", "would always hold"),
        ('all = [["valve"', 'all = [["@valves"', "@valves"),
        ('"öffn*"', '"of*"', "at least 3 letters"),
        ("[[floor]]", "[[floor", "floors.toml"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_the_cause(tmp_path: Path, fault: str, by: str, said: str) -> None:
    assert fault in OWN
    changed = OWN.replace(fault, by, 1)
    if said.startswith("holds"):
        changed = changed.replace('["open"', '["open", "open*"').replace('"valve"', '"valve*"')
    with pytest.raises(RulesInvalid, match=re.escape(said)):
        own(tmp_path, changed)


def test_a_rule_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesInvalid, match="valve-open is there twice"):
        own(tmp_path, OWN + OWN)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesInvalid, match=r"nowhere\.toml"):
        load_floors(tmp_path / "nowhere.toml")


def test_floors_catch_a_third_and_seldom_cry_wolf_on_the_corpus() -> None:
    report = floor_report(whole_corpus(), SHIPPED)
    assert report.sev1_recall > 0.30
    assert report.sev1_false_alarms < 0.04
    assert report.gxp_recall > 0.35
    assert report.gxp_false_alarms < 0.06


def test_the_report_tells_each_language_and_what_its_shares_rest_on() -> None:
    corpus = whole_corpus()
    lines = {line.language: line for line in floor_report(corpus, SHIPPED).languages}
    assert {"en", "de", "es", "fr", "it", "pt"} <= set(lines)
    assert sum(line.tickets for line in lines.values()) == len(corpus)
    assert sum(line.sev1 for line in lines.values()) == sum(example.severity == "sev1" for example in corpus)
    assert sum(line.flagged for line in lines.values()) == sum(example.gxp_impact for example in corpus)
    assert lines["en"].sev1_recall > lines["en"].sev1_false_alarms


def test_the_report_counts_hits_as_a_reader_would(tmp_path: Path) -> None:
    examples = [
        example.model_copy(update={"title": "t", "body": "b", "severity": "sev4", "gxp_impact": False}) for example in small_corpus()[:5]
    ]
    changes = [{"severity": "sev1", "gxp_impact": True}, {"severity": "sev2"}, {"severity": "sev3"}]
    held = [one.model_copy(update={"title": "Valve stays open", **change}) for one, change in zip(examples, changes, strict=False)]
    text = OWN.replace('"sev2"', '"sev1"')
    report = floor_report([*held, *examples[3:]], own(tmp_path, text))
    (line,) = report.rules
    assert (line.rule, line.hits, line.at_least, line.gxp) == ("valve-open", 3, 1, 1)
    assert (report.sev1_recall, report.sev1_false_alarms) == (1.0, 0.5)
    assert (report.gxp_recall, report.gxp_false_alarms) == (1.0, 0.5)
