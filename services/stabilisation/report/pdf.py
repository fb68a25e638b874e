"""A report as PDF/A-2b, set by typst: an optional part. The words are data to it, never its markup."""

import json
import re
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from services.errors import Misconfigured
from services.stabilisation.report.document import Document, Part
from services.stabilisation.report.plain import plain

TEMPLATE = Path(__file__).with_name("report.typ").read_bytes()
STANDARD = "a-2b"
ATTEMPTS = 20
_LACKING = re.compile(r'the text `"(.+?)"` could not be displayed')


def pdf(document: Document) -> bytes:
    """Only the fonts that typst brings are used, so that every machine makes the same bytes; a character that they lack is its code."""
    typst = _typst()
    told = json.dumps(_told(document), ensure_ascii=False)
    for _ in range(ATTEMPTS):
        try:
            return _compiled(typst, told, round(document.at.timestamp()))
        except typst.TypstError as error:
            lacking = set("".join(map(_letters, _LACKING.findall(f"{error.message}\n{error.diagnostic}"))))
            if not lacking:
                raise
            told = "".join(rf"[{ord(letter):x}]" if letter in lacking else letter for letter in told)
    return _compiled(typst, told.encode("ascii", "replace").decode(), round(document.at.timestamp()))


def _compiled(typst: Any, told: str, at: int) -> bytes:
    data = {"document": told}
    made: bytes = typst.compile(TEMPLATE, sys_inputs=data, pdf_standards=STANDARD, ignore_system_fonts=True, timestamp=at)
    return made


def _letters(told: str) -> str:
    r"""Typst writes some characters as \u{200d}."""
    return re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), told)


def _typst() -> Any:
    try:
        return import_module("typst")
    except ImportError:
        raise Misconfigured(
            "PDF needs the optional part `report`: pip install 'hypercare[report]'. Without it ask for html, which prints on A4"
        ) from None


def _told(document: Document) -> Any:
    sections = [{"title": section.title, "parts": [_part(part) for part in section.parts]} for section in document.sections]
    head = {"kind": document.kind, "light": document.light, "at": document.at.isoformat()}
    words = {"title": document.title, "subtitle": document.subtitle, "reasons": document.reasons, "identity": document.identity}
    return head | _plain(words) | {"sections": sections}


def _part(part: Part) -> dict[str, Any]:
    return {"is": type(part).__name__.lower(), **_plain(asdict(part))}


def _plain(value: Any) -> Any:
    """Every text in it; a drawing is none."""
    match value:
        case dict():
            return {key: each if key == "svg" else _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case str():
            return plain(value)
    return value
