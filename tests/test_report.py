"""The reports of a snapshot: they say what stands in it and nothing else, in every form, byte for byte, whatever people wrote."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from schemas.golives import Snapshot
from services.ledger import Ledger
from services.stabilisation.report import document, report
from services.stabilisation.report.document import Bullets, Document, Fact, Facts, Figure, Section, Sentence, Table
from services.stabilisation.report.drawing import svg
from services.stabilisation.report.kept import Kept
from services.stabilisation.report.markdown import markdown
from services.stabilisation.report.page import STYLE, page
from services.stabilisation.report.pdf import pdf
from services.stabilisation.report.plain import plain
from services.stabilisation.report.questions import questions
from services.stabilisation.report.standup import next_step
from tests.documents import ROOT
from tests.lived_golives import BEGIN, DAY, lived, snapshot
from tests.odd_texts import ODD_TEXTS

KINDS = pytest.mark.parametrize("kind", ["standup", "executive"])
FORMS = pytest.mark.parametrize("form", ["md", "html"])
TEXTS = [text for text in [*ODD_TEXTS, "long " + "x" * 400] if plain(text)]
"""No text of a ticket is blank."""


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    ledger = lived(tmp_path_factory.mktemp("plant"))
    yield ledger
    ledger.close()
    ledger.database.close()


@pytest.fixture(scope="module")
def kept(plant: Ledger) -> Snapshot:
    return snapshot(plant)


def text_of(told: Snapshot, kind: Any, form: Any = "md") -> str:
    return report(told, kind, form).content.decode()


def changed(told: Snapshot, path: str, value: Any) -> Snapshot:
    """The same with another value at this place of its content."""
    content: Any = deepcopy(told.content)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    place = content
    for step in steps:
        place = place[step]
    place[last] = value
    return told.model_copy(update={"content": content})


@KINDS
@FORMS
def test_a_report_is_made_again_byte_for_byte(kept: Snapshot, kind: Any, form: Any) -> None:
    again = Snapshot.model_validate_json(kept.model_dump_json())
    assert report(again, kind, form) == report(kept, kind, form)


AGAIN = """
import hashlib, sys
from schemas.golives import Snapshot
from services.stabilisation.report import report
told = Snapshot.model_validate_json(sys.stdin.read())
print([hashlib.sha256(report(told, kind, form).content).hexdigest() for kind in ("standup", "executive") for form in ("md", "html")])
"""


def test_another_process_in_another_time_zone_makes_the_same_bytes(kept: Snapshot) -> None:
    here = [hashlib.sha256(report(kept, kind, form).content).hexdigest() for kind in ("standup", "executive") for form in ("md", "html")]
    environment = os.environ | {"PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONPATH": str(ROOT)}
    told = kept.model_dump_json()
    there = subprocess.run([sys.executable, "-c", AGAIN], input=told, env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == str(here)


@KINDS
@FORMS
def test_a_report_names_its_snapshot_and_digest(kept: Snapshot, kind: Any, form: Any) -> None:
    told = text_of(kept, kind, form)
    assert all(each in told for each in (kept.id, kept.digest, f"ledger entry {kept.content['figures']['ledger_seq']}"))


NUMBERS = {
    "standup": (
        "figures/open/by_severity/sev1", "figures/open/by_severity/sev2", "figures/open/total", "figures/flows/arrivals/day",
        "figures/flows/ended/day", "figures/gxp/unassessed", "figures/workarounds/in_force", "figures/workarounds/unaccepted",
        "readiness/passed", "readiness/of", "attention/quality/flagged", "attention/quality/assessed", "attention/quality/confirmed",
        "attention/quality/linked", "attention/known_errors/0/day", "attention/known_errors/0/open", "attention/known_errors/0/tickets",
        "figures/open/ages/sev2/count", "burndown/required_per_day", "burndown/closures_per_day", "burndown/gap",
        "figures/day", "figures/ledger_seq", "forecast/remaining",
    ),
    "executive": (
        "figures/open/by_severity/sev1", "figures/open/by_severity/sev2", "figures/open/by_severity/sev3", "figures/open/total",
        "figures/days_since_sev1", "readiness/passed", "readiness/of", "burndown/gap", "figures/exposure/batches_completed",
        "figures/exposure/batches_started", "figures/exposure/arrivals_per_100_steps", "figures/exposure/active_users",
        "figures/exposure/rostered_users", "attention/quality/flagged", "attention/quality/assessed", "attention/quality/confirmed",
        "attention/quality/linked", "figures/exposure/days",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, paths in NUMBERS.items() for path in paths])
def test_every_number_is_the_snapshots(kept: Snapshot, kind: Any, path: str) -> None:
    assert "98765" in text_of(changed(kept, path, 98765), kind)
    assert "98765" not in text_of(kept, kind)


TICKET_WORDS = ("title", "owner", "clock", "batch")


@pytest.mark.parametrize("word", TICKET_WORDS)
def test_a_grave_ticket_is_told_with_its_words(kept: Snapshot, word: str) -> None:
    ticket = kept.content["attention"]["grave"]["tickets"][0]
    assert "Zyzzyva" in text_of(changed(kept, f"attention/tickets/{ticket}/{word}", "Zyzzyva"), "standup")


def test_a_ticket_says_where_it_stands(kept: Snapshot) -> None:
    note = Kept(kept).notes(Kept(kept).attention.grave)[0]
    at_vendor = note.model_copy(update={"state": "waiting", "waiting_for": "change_approval", "worked_around_at": None, "reopened": 2})
    assert next_step(at_vendor) == "waits for change approval; reopened 2 times"
    routed = note.model_copy(update={"state": "routed", "team": "access_training", "worked_around_at": BEGIN})
    assert next_step(routed) == "waits for access training to acknowledge it; workaround in force"


def test_the_weakest_criteria_have_failed_longest(kept: Snapshot) -> None:
    readiness = Kept(kept).status.readiness
    weakest = readiness.weakest
    failing = [each for each in readiness.criteria if each.verdict == "fail"]
    assert len(weakest) == 3
    assert [each.since for each in weakest] == sorted(each.since for each in failing if each.since)[:3]
    told = document(kept, "executive")
    (table,) = (part for section in told.sections for part in section.parts if isinstance(part, Table) and "weakest" in part.caption)
    assert [row[0] for row in table.rows] == [each.title for each in weakest]


@pytest.mark.parametrize(("slip", "said"), [(3.0, "3 days later than"), (-1.0, "1 day earlier than"), (0.0, "as the day before")])
@KINDS
def test_the_change_of_the_forecast_is_told(kept: Snapshot, kind: Any, slip: float, said: str) -> None:
    assert said in text_of(changed(kept, "forecast/targets/0/slip_days", slip), kind)


def test_the_standup_keeps_the_order_of_a_standup(kept: Snapshot) -> None:
    titles = [section.title for section in document(kept, "standup").sections]
    wanted = ("quality", "sev1", "new", "storms", "ageing", "changes", "workarounds", "arrived", "over", "decided")
    assert [word in title.lower() for word, title in zip(wanted, titles[1:], strict=True)] == [True] * len(wanted)


def test_times_are_those_of_the_site(kept: Snapshot) -> None:
    assert "06:00 (Europe/Dublin)" in text_of(kept, "standup")
    tokyo = changed(kept, "golive/text/time_zone", "Asia/Tokyo")
    assert "15:00 (Asia/Tokyo)" in text_of(tokyo, "standup")


@KINDS
@FORMS
def test_a_golive_without_tickets_has_its_reports(tmp_path: Path, kind: Any, form: Any) -> None:
    with closing(lived(tmp_path, 0)) as ledger, closing(ledger.database):
        ledger.clock.now = BEGIN + DAY  # type: ignore[attr-defined]
        told = snapshot(ledger)
        said = text_of(told, kind, form)
    assert "early" in said
    assert told.digest in said


@KINDS
@FORMS
def test_a_snapshot_of_earlier_days_without_lists_has_its_reports(kept: Snapshot, kind: Any, form: Any) -> None:
    earlier = {name: kept.content[name] for name in ("figures", "burndown", "readiness", "forecast")}
    assert kept.digest in text_of(kept.model_copy(update={"content": earlier}), kind, form)


class Elements(HTMLParser):
    """What a browser would build: the elements with the names of their attributes, and the text."""

    def __init__(self, told: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.feed(told)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def odd_document(text: str) -> Document:
    """Everything a report may hold, and all of it this text."""
    figure = Figure(text, text, svg("drawn", 10, ()))
    parts = (Sentence(text), Bullets((text,)), Facts((Fact("fact", text, text),)), Table("table", ("a", "b"), ((text, text),)), figure)
    return Document("standup", text, text, "red", (text,), (Section("section", parts),), ("one", "two", "three"), BEGIN)


def test_no_text_becomes_an_element_of_the_page() -> None:
    harmless = Elements(page(odd_document("harmless")))
    for text in TEXTS:
        odd = Elements(page(odd_document(text)))
        assert odd.elements == harmless.elements, ascii(text)
        assert odd.text.count(plain(text)) >= 8, ascii(text)


def test_no_text_becomes_markup_of_the_markdown() -> None:
    reader = MarkdownIt("commonmark").enable("table")
    harmless = Elements(reader.render(markdown(odd_document("harmless"))))
    for text in TEXTS:
        odd = Elements(reader.render(markdown(odd_document(text))))
        assert odd.elements == harmless.elements, ascii(text)
        assert odd.text.count(plain(text).strip()) >= 8, ascii(text)


def test_no_text_breaks_its_line_or_acts_on_the_page() -> None:
    for text in ODD_TEXTS:
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", plain(text)), ascii(text)


def test_a_check_of_elements_would_see_a_planted_one() -> None:
    told = page(odd_document("harmless")).replace("harmless", "<script>x</script>", 1)
    assert Elements(told).elements != Elements(page(odd_document("harmless"))).elements


@KINDS
def test_the_page_loads_nothing_and_is_made_for_readers(kept: Snapshot, kind: Any) -> None:
    told = text_of(kept, kind, "html")
    assert not re.search(r"<script|<link (?!rel=\"icon\")|<img|src=|url\(|@import", told)
    assert set(re.findall(r"https?://[^\"' )]+", told)) == {"http://www.w3.org/2000/svg"}
    seen = Elements(told)
    assert [tag for tag, _ in seen.elements].count("h1") == 1
    tables = [tag for tag, _ in seen.elements if tag in ("table", "caption")]
    assert tables == ["table", "caption"] * (len(tables) // 2)
    assert all("aria-label" in names and "role" in names for tag, names in seen.elements if tag == "svg")
    assert "@page { size: A4" in STYLE


@KINDS
def test_figures_are_well_formed_and_tell_their_content_in_words(kept: Snapshot, kind: Any) -> None:
    figures = [part for section in document(kept, kind).sections for part in section.parts if isinstance(part, Figure)]
    assert len(figures) == 2
    for figure in figures:
        drawn = ElementTree.fromstring(figure.svg)
        assert drawn.attrib["aria-label"] == figure.said
        assert "nan" not in figure.svg
        assert "var(" not in figure.svg, "a PDF knows no variables"


def test_the_page_may_be_shown_with_its_own_style_only(kept: Snapshot) -> None:
    policy = report(kept, "standup", "html").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


ASKED: dict[str, tuple[str, Any, str]] = {
    "a relapse": ("readiness/relapse", "a Sev1 occurred after the exit: HC-9", "gone back into"),
    "all criteria hold": ("readiness/all_hold", True, "Does the hypercare end?"),
    "the planned end is over": ("figures/phase", "overdue", "Until when does the hypercare go on?"),
    "no plan": ("burndown/plan_version", None, "What is planned?"),
    "the gap grows": ("burndown/growth_3d", 500.0, "Why does the gap to the plan grow?"),
    "a plan waits": ("golive/plans/1/approved_at", None, "Is plan 2 of ann approved?"),
}


@pytest.mark.parametrize(("path", "value", "question"), ASKED.values(), ids=ASKED)
def test_a_rule_raises_its_question(kept: Snapshot, path: str, value: Any, question: str) -> None:
    told = [each.text for each in questions(Kept(changed(kept, path, value)))]
    assert any(question in text for text in told)
    assert not any(question in each.text for each in questions(Kept(kept)))


def test_what_the_lived_golive_leaves_open_is_asked(kept: Snapshot) -> None:
    told = "\n".join(each.text for each in questions(Kept(kept)))
    for question in ("have no date", "Nobody has assessed", "Which quality record", "the workaround of"):
        assert question in told
    assert "Who attests support_ready" in told


def test_a_pdf_is_made_again_byte_for_byte(kept: Snapshot) -> None:
    pytest.importorskip("typst", reason="the optional part `report` is not installed")
    one, two = (report(kept, "executive", "pdf").content for _ in range(2))
    assert one == two
    assert one.startswith(b"%PDF-1.7")
    assert b"pdfaid:part>2" in one


def test_no_text_keeps_a_pdf_from_being_made() -> None:
    pytest.importorskip("typst", reason="the optional part `report` is not installed")
    told = pdf(odd_document(" ".join(plain(text) for text in ODD_TEXTS)))
    assert told.startswith(b"%PDF")


def test_the_content_of_a_snapshot_is_what_its_digest_says(kept: Snapshot) -> None:
    assert json.loads(json.dumps(kept.content)) == kept.content
