"""What a report says, before it has a form: sections of sentences, facts, lists, tables and figures, all of them plain text."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from schemas.golive_figures import Light
from services.stabilisation.markup import Markup

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A number with its name. `alarm`: it asks for somebody."""

    name: str
    value: str
    remark: str = ""
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    items: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`wide`: the column that takes what width is left; `numbers`: the columns whose cells are counts."""

    caption: str
    columns: Row
    rows: tuple[Row, ...]
    wide: int = 0
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """`said` tells in words what the drawing shows."""

    caption: str
    said: str
    svg: Markup


Part = Sentence | Bullets | Facts | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """`identity` names the snapshot with its digest: the report says what stands there and nothing else."""

    kind: Literal["standup", "executive", "handover"]
    title: str
    subtitle: str
    light: Light
    reasons: tuple[str, ...]
    sections: tuple[Section, ...]
    identity: tuple[str, ...]
    at: datetime
