"""A report as one HTML file: nothing is loaded, nothing runs, it prints on A4, and reads aloud."""

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from services.stabilisation.board import STYLE as BOARD_STYLE
from services.stabilisation.markup import Markup, element, joined
from services.stabilisation.report.document import Bullets, Document, Fact, Facts, Figure, Part, Section, Sentence, Table
from services.stabilisation.report.plain import plain

STYLE = BOARD_STYLE + Path(__file__).with_name("report.css").read_text("utf-8")
SECURITY = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; frame-ancestors 'self'",
    "cache-control": "no-store",
}


def page(document: Document) -> str:
    device = Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">')
    icon = Markup('<link rel="icon" href="data:,">')
    head = element("head", device, icon, element("title", plain(document.title)), element("style", Markup(STYLE)))
    main = element("main", _head(document), *map(_section, document.sections), _foot(document), class_=document.kind)
    return joined(Markup("<!doctype html>\n"), element("html", head, element("body", main), lang="en"), Markup("\n"))


def _head(document: Document) -> Markup:
    light = element("strong", document.light.upper(), class_=f"light {document.light}")
    reasons = element("ul", *(element("li", plain(reason)) for reason in document.reasons))
    verdict = element("div", light, reasons, class_="verdict")
    return element("header", element("h1", plain(document.title), dir="auto"), element("p", plain(document.subtitle), dir="auto"), verdict)


def _section(section: Section) -> Markup:
    return element("section", element("h2", section.title), *map(_part, section.parts))


def _part(part: Part) -> Markup:
    match part:
        case Sentence():
            return element("p", plain(part.text), dir="auto")
        case Bullets():
            return element("ul", *(element("li", plain(item), dir="auto") for item in part.items))
        case Facts():
            return element("dl", *map(_fact, part.items))
        case Table():
            return _table(part)
        case Figure():
            words = (element("b", part.caption), Markup(". "), element("span", plain(part.said), dir="auto"))
            return element("figure", part.svg, element("figcaption", *words))


def _fact(fact: Fact) -> Markup:
    told = element("dd", fact.value, element("small", fact.remark))
    return element("div", element("dt", fact.name), told, class_="alarm" if fact.alarm else "calm")


def _table(table: Table) -> Markup:
    heads = (element("th", column, scope="col", class_=_kind(table, place)) for place, column in enumerate(table.columns))
    rows = (element("tr", *_cells(table, row)) for row in table.rows)
    whole = element(
        "table", element("caption", table.caption), element("thead", element("tr", *heads)), element("tbody", *rows), class_="report"
    )
    return element("div", whole, class_="wide", tabindex="0", role="region", aria_label=table.caption)


def _cells(table: Table, row: tuple[str, ...]) -> Iterable[Markup]:
    yield element("th", plain(row[0]), scope="row", dir="auto", class_=_kind(table, 0))
    yield from (element("td", plain(cell), dir="auto", class_=_kind(table, place)) for place, cell in enumerate(row[1:], start=1))


def _kind(table: Table, place: int) -> str:
    if place in table.numbers:
        return "number"
    return "text long" if place == table.wide else "text"


def _foot(document: Document) -> Markup:
    return element("footer", *(element("p", line) for line in document.identity))
