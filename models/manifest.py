"""What a model version says about itself, and the name that follows from its content."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.calibration import Calibration, Share
from schemas.predictions import Decision, Probability, TicketText
from schemas.words import Kind, Severity

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileMark(Part):
    sha256: Digest
    bytes: Annotated[int, Field(ge=0)]


class DataMark(Part):
    """What was learned from: `tickets` of the writers that were held out in turn to measure, and `practice` tickets only learned from."""

    sha256: Digest
    tickets: int
    writers: tuple[str, ...]
    practice: int = 0
    measured: Digest | None = None
    local: int = 0


class Golden(Part):
    """A text and the answer that this version gave when it was made; it must give it again wherever it is loaded."""

    text: TicketText
    system: str
    confidence: Probability
    decision: Decision
    severity: Severity
    sev1_risk: Probability
    gxp: bool
    kind: Kind


class Reference(Part):
    """What answers looked like when the version was made, each ticket's writer left out: what a running system's answers are held against.

    `answered` is each system's share of the first answers, `confidence` the share of the answers in each of ten bins of equal width from 0
    to 1, `set_size` the mean number of systems in a prediction set, `unknown_words` the mean of `Prediction.unknown_words`.
    """

    answered: dict[str, Share]
    confidence: Annotated[tuple[Share, ...], Field(min_length=10, max_length=10)]
    set_size: Annotated[float, Field(ge=1)]
    unknown_words: Share


class Content(Part):
    """All of a manifest but its name. `scores` were measured with each ticket's writer left out of training."""

    format: Literal[1] = 1
    features: str
    systems: Annotated[tuple[str, ...], Field(min_length=2)]
    calibration: Calibration
    files: dict[str, FileMark]
    data: DataMark
    scores: dict[str, float]
    reference: Reference | None = None
    made_with: dict[str, str]
    goldens: Annotated[tuple[Golden, ...], Field(min_length=1)]


class Manifest(Part):
    version: str
    content: Content


def written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _version(name: str, content: Any) -> str:
    signed = name + "\n" + written(content)
    return f"{name}-{hashlib.sha256(signed.encode()).hexdigest()[:12]}"


def named(name: str, content: Content) -> Manifest:
    """The version is `name-` and twelve digits of the SHA-256 of name and content: a version's name can neither be moved nor altered."""
    return Manifest(version=_version(name, content.model_dump(mode="json")), content=content)


def to_bytes(manifest: Manifest) -> bytes:
    return written(manifest.model_dump(mode="json")).encode()


def is_sound(raw: bytes) -> bool:
    """Are these JSON bytes exactly what was written when the version got its name? Asks the bytes, not the parsed manifest: a field
    that later programs add must not make an older version look damaged."""
    data = json.loads(raw)
    return bool(data["version"] == _version(data["version"].rpartition("-")[0], data["content"]) and written(data).encode() == raw)


def mark(data: bytes) -> FileMark:
    return FileMark(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
