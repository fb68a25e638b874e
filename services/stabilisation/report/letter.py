"""A report as a text to read in a mail or a terminal: no markup, no table, each row a few short lines."""

from collections.abc import Iterator
from textwrap import wrap

from services.stabilisation.report.document import Bullets, Document, Fact, Facts, Figure, Part, Row, Section, Sentence, Table
from services.stabilisation.report.kept import NOTHING
from services.stabilisation.report.plain import plain

WIDTH = 78
"""What mail readers and terminals show without breaking lines of their own (RFC 5322 section 2.1.1)."""
INDENT = "    "
HEAD = 2
"""So many cells open a row; the others follow below it, each with its column's name."""
BETWEEN = " · "


def letter(document: Document) -> str:
    head = (plain(document.title), *_filled(document.subtitle), "", *_filled(f"{document.light.upper()}: {'; '.join(document.reasons)}"))
    sections = (line for section in document.sections for line in _section(section))
    return "\n".join((*head, *sections, "", "--", *(plain(each) for each in document.identity))) + "\n"


def _section(section: Section) -> Iterator[str]:
    title = plain(section.title)
    yield from ("", title, "-" * len(title))
    for part in section.parts:
        yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    match part:
        case Sentence():
            yield from _filled(part.text)
        case Bullets():
            for item in part.items:
                yield from _filled(item, "- ", "  ")
        case Facts():
            yield from _packed([_fact(fact) for fact in part.items], "")
        case Table():
            for row in part.rows:
                yield from _row(part.columns, row)
        case Figure():
            yield from _filled(f"{part.caption}. {part.said}")


def _fact(fact: Fact) -> str:
    return f"{plain(fact.name)}: {plain(fact.value)}" + (f" ({plain(fact.remark)})" if fact.remark else "")


def _row(columns: Row, cells: Row) -> Iterator[str]:
    yield from _filled(" ".join(cells[:HEAD]), "", INDENT)
    named = [f"{name}: {plain(cell)}" for name, cell in zip(columns[HEAD:], cells[HEAD:], strict=True) if cell != NOTHING]
    yield from _packed(named, INDENT)


def _packed(pieces: list[str], indent: str) -> Iterator[str]:
    """As many on a line as fit; one that is too long for a line has lines of its own."""
    line = ""
    for piece in pieces:
        if line and len(indent) + len(line) + len(BETWEEN) + len(piece) > WIDTH:
            yield from _filled(line, indent, indent)
            line = ""
        line = f"{line}{BETWEEN}{piece}" if line else piece
    if line:
        yield from _filled(line, indent, indent)


def _filled(text: str, first: str = "", rest: str = "") -> list[str]:
    """Addresses and long words stay whole."""
    return wrap(plain(text), WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False) or [first]
