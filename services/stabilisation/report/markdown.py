"""A report as Markdown (CommonMark with the tables of GitHub): what people wrote stays text, whatever it looks like."""

import re
from collections.abc import Iterator

from services.stabilisation.report.document import Bullets, Document, Fact, Facts, Figure, Part, Sentence, Table
from services.stabilisation.report.plain import plain

_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
_OPENING = re.compile(r"^(?=[#+\-=>])|(?<=^\d)(?=[.)])|(?<=^\d\d)(?=[.)])")


def markdown(document: Document) -> str:
    head = [f"# {said(document.title)}", line(document.subtitle), f"**{document.light.upper()}**: {said('; '.join(document.reasons))}"]
    sections = [block for section in document.sections for block in (f"## {said(section.title)}", *map(_part, section.parts))]
    foot = "\n".join(f"{said(each)}  " for each in document.identity)
    return "\n\n".join([*head, *sections, "---", foot]) + "\n"


def said(text: str) -> str:
    """No character of it is markup: neither of Markdown nor of the HTML that Markdown may hold."""
    return _SPECIAL.sub(r"\\\g<0>", plain(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def line(text: str) -> str:
    """The same at the beginning of a line, where more is markup."""
    return _OPENING.sub(r"\\", said(text))


def _part(part: Part) -> str:
    match part:
        case Sentence():
            return line(part.text)
        case Bullets():
            return "\n".join(f"- {line(item)}" for item in part.items)
        case Facts():
            return "\n".join(f"- {_fact(fact)}" for fact in part.items)
        case Table():
            return "\n".join(_table(part))
        case Figure():
            return f"**{said(part.caption)}.** {said(part.said)}"


def _fact(fact: Fact) -> str:
    remark = f" ({said(fact.remark)})" if fact.remark else ""
    return f"{said(fact.name)}: **{said(fact.value)}**{remark}"


def _table(table: Table) -> Iterator[str]:
    rules = ("---:" if place in table.numbers else "---" for place in range(len(table.columns)))
    yield f"**{said(table.caption)}**\n"
    yield _row(table.columns)
    yield f"|{'|'.join(rules)}|"
    yield from map(_row, table.rows)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(map(said, cells)) + " |"
