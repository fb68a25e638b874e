"""The documentation as the tests read it: files, links, fences, tables, and names in the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block: its info string, where its fence begins, and its text."""

    info: str
    line: int
    text: str


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def title_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(text: str) -> list[Block]:
    return [Block(found["info"].strip(), text.count("\n", 0, found.start()) + 1, _flush(found)) for found in FENCE.finditer(text)]


def _flush(found: re.Match[str]) -> str:
    """The text as far to the left as its fence."""
    indent = found["indent"]
    return "".join(line.removeprefix(indent) for line in found["text"].splitlines(keepends=True))


def prose(text: str) -> str:
    """Without what stands in fences."""
    return FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path, text: str) -> list[str]:
    return [target for target in LINK.findall(prose(text)) if not _leads_somewhere(page, text, target)]


def _leads_somewhere(page: Path, text: str, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return True
    name, _, anchor = target.partition("#")
    aim = (page.parent / name).resolve() if name else page
    if not aim.exists() or not aim.is_relative_to(ROOT):
        return False
    return not anchor or anchor in anchors(aim.read_text("utf-8") if name else text)


def known_tests() -> set[str]:
    """Every test function of the suite."""
    return {name for path in (ROOT / "tests").rglob("test_*.py") for name in _defined(path) if name.startswith("test_")}


def defines(path: Path, name: str) -> bool:
    """Whether a Python file has this class, function or assignment at its top, `Class.member` included."""
    return name in _defined(path)


def _defined(path: Path) -> set[str]:
    return set(_names(ast.parse(path.read_text("utf-8"))))


def _names(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + each.name
        if isinstance(each, ast.ClassDef):
            yield from _names(each, f"{each.name}.")
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            yield prefix + each.target.id
        if isinstance(each, ast.Assign):
            yield from (prefix + target.id for target in each.targets if isinstance(target, ast.Name))
