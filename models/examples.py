"""Labelled tickets to learn from and to measure by."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import CorpusInvalid
from schemas.predictions import TicketText
from schemas.words import Kind, Severity

CORPUS = Path(__file__).parent / "corpus"
PRACTICE = CORPUS / "practice"
SEEN = "seen.txt"


class Example(BaseModel):
    """A ticket with the answers that one reader gave. `alt_system` is another answer that could be defended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str
    body: str
    site: str
    reporter_role: str
    language: str
    system: str
    severity: Severity
    gxp_impact: bool
    kind: Kind
    alt_system: str | None

    @property
    def writer(self) -> str:
        return self.id.partition("-")[0]

    @property
    def text(self) -> TicketText:
        return TicketText(title=self.title, body=self.body, site=self.site, reporter_role=self.reporter_role, language=self.language)


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.jsonl"))
    if not found:
        raise CorpusInvalid(f"no .jsonl file in {folder}; name a folder that holds labelled tickets")
    return found


def _read(path: Path) -> list[Example]:
    examples = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            examples.append(Example.model_validate_json(line))
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"])) or "the line"
            raise CorpusInvalid(f"{path.name} line {number}: {where}: {wrong['msg']}; mend the line or take it out") from error
    return examples


def read_corpus(folder: Path = CORPUS) -> list[Example]:
    """Every example of the folder's .jsonl files, in the order of file names and lines."""
    return [example for path in _files(folder) for example in _read(path)]


def seen_before(folder: Path = CORPUS) -> frozenset[str]:
    """Ids of the tickets that were read when practice was written; none where the folder has no such list."""
    file = folder / SEEN
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return frozenset(line for line in lines if line and not line.startswith("#"))


def corpus_digest(examples: Sequence[Example]) -> str:
    """SHA-256 over the examples in order: two versions with one digest learned from the same tickets."""
    lines = "\n".join(example.model_dump_json() for example in examples)
    return hashlib.sha256(lines.encode()).hexdigest()
