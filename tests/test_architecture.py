"""The rules of the architecture, checked on the source: who may import whom, and what stands in one place only."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRODUCT = ("services", "schemas", "models")
BANNED = {"utils", "util", "helpers", "common", "core", "manager", "base", "misc"}

Finder = Callable[[ast.AST], bool]


def sources(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from (path for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts)


def places(finder: Finder, source: str) -> list[int]:
    return [
        node.lineno for node in ast.walk(ast.parse(source)) if finder(node) and isinstance(node, ast.stmt | ast.expr | ast.ExceptHandler)
    ]


def found(finder: Finder, *packages: str) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in sources(*packages) if places(finder, path.read_text("utf-8"))}


def commits(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"


def reads_environment(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")


def catches_everything(node: ast.AST) -> bool:
    return isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))


def imports(*names: str) -> Finder:
    def finder(node: ast.AST) -> bool:
        if isinstance(node, ast.Import):
            return any(alias.name.split(".")[0] in names for alias in node.names)
        return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in names

    return finder


def mentions(name: str) -> Finder:
    def finder(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            return any(alias.name == name for alias in node.names)
        return isinstance(node, ast.Name) and node.id == name

    return finder


RULES: list[tuple[str, Finder, set[str], str]] = [
    ("only db.py commits (Kafka's offsets are another kind)", commits, {"services/db.py", "services/log/kafka.py"}, "session.commit()"),
    ("only settings.py reads the environment", reads_environment, {"services/settings.py"}, "import os\nos.environ['X']"),
    ("only runner.py catches everything", catches_everything, {"services/runner.py"}, "try:\n    f()\nexcept Exception:\n    pass"),
    ("aiokafka stays in one file", imports("aiokafka"), {"services/log/kafka.py"}, "from aiokafka import AIOKafkaProducer"),
    ("nothing is unpickled", imports("pickle", "joblib", "dill", "cloudpickle", "shelve"), set(), "import pickle"),
    ("nothing promised runs in BackgroundTasks", mentions("BackgroundTasks"), set(), "from fastapi import BackgroundTasks"),
]


@pytest.mark.parametrize(("rule", "finder", "allowed", "planted"), RULES, ids=[rule for rule, *_ in RULES])
def test_it_stands_in_its_place_only(rule: str, finder: Finder, allowed: set[str], planted: str) -> None:
    assert found(finder, *PRODUCT) <= allowed
    assert places(finder, planted), "the rule does not see what it forbids"


def test_scikit_learn_is_imported_under_models_only() -> None:
    assert {name.split("/")[0] for name in found(imports("sklearn"), *PRODUCT)} <= {"models"}


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [path for path in sources(*PRODUCT) if path.stem in BANNED] == []


def test_imports_inside_functions_are_rare() -> None:
    def inside(path: Path) -> int:
        functions = (
            node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        return sum(isinstance(node, ast.Import | ast.ImportFrom) for function in functions for node in ast.walk(function))

    assert sum(inside(path) for path in sources(*PRODUCT)) <= 8


def contracts() -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_import_contracts_are_kept() -> None:
    result = contracts()
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("program", "needs"),
    [("services.api", []), ("services.dispatcher", []), ("services.web", []), ("services.stabilisation", ["numpy"])],
    ids=lambda given: str(given),
)
def test_processes_that_do_not_classify_never_load_a_model_library(program: str, needs: list[str]) -> None:
    """The forecast draws its paths with NumPy."""
    code = f"import sys, {program}; print([name for name in ('sklearn', 'scipy', 'numpy', 'aiokafka') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout == f"{needs}\n"


def test_the_classifier_scores_without_scikit_learn() -> None:
    code = "import sys, services.classifier, models.registry; print('sklearn' in sys.modules, 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout == "False False\n"


def test_ruff_and_mypy_have_nothing_to_say() -> None:
    for command in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
        program = str(Path(sys.executable).with_name(command[0]))
        result = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
