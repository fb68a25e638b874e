"""Reports of a stored snapshot: the daily stand-up and the executive status, as Markdown, as a page, and as PDF.

Pure functions of the snapshot: no clock, no database, no chance. The same snapshot gives the same bytes.
"""

from typing import Literal, NamedTuple

from schemas.golives import Snapshot
from services.stabilisation.report.document import Document
from services.stabilisation.report.executive import executive
from services.stabilisation.report.kept import Kept
from services.stabilisation.report.markdown import markdown
from services.stabilisation.report.page import SECURITY, page
from services.stabilisation.report.pdf import pdf
from services.stabilisation.report.standup import standup

Kind = Literal["standup", "executive"]
Form = Literal["md", "html", "pdf"]
MEDIA: dict[Form, str] = {"md": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8", "pdf": "application/pdf"}


class Report(NamedTuple):
    """`headers`: those that its form needs beside the media type."""

    name: str
    media_type: str
    content: bytes
    headers: dict[str, str]


def document(snapshot: Snapshot, kind: Kind) -> Document:
    kept = Kept(snapshot)
    return standup(kept) if kind == "standup" else executive(kept)


def report(snapshot: Snapshot, kind: Kind, form: Form) -> Report:
    """Raises `Misconfigured` for a PDF where typst is not installed."""
    told = document(snapshot, kind)
    name = f"{snapshot.id}-{kind}.{form}"
    inline = {"content-disposition": f'inline; filename="{name}"'}
    if form == "md":
        return Report(name, MEDIA[form], markdown(told).encode(), inline)
    if form == "html":
        return Report(name, MEDIA[form], page(told).encode(), inline | SECURITY)
    return Report(name, MEDIA[form], pdf(told), inline)
