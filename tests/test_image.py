"""The image: what its Dockerfile does, and what the wheel that it installs carries. No container is built."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.compositions import OURS, PROCESSES, ROOT, SERVICES, mounts, named_volumes

PACKAGES = ("schemas", "models", "services")
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text("utf-8")
Instruction = tuple[str, str]


def instructions(text: str) -> list[Instruction]:
    """Comments left out, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [(word, rest) for line in joined.splitlines() if line.strip() for word, _, rest in [line.partition(" ")]]


def stages() -> list[list[Instruction]]:
    made: list[list[Instruction]] = []
    for word, rest in instructions(DOCKERFILE):
        if word == "FROM":
            made.append([])
        if made:
            made[-1].append((word, rest))
    return made


def of(stage: list[Instruction], word: str) -> list[str]:
    return [rest for each, rest in stage if each == word]


BUILD, FINAL = stages()


def tracked() -> list[str]:
    """Every file of the packages that is, or is about to be, under version control."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *PACKAGES, "pyproject.toml", "README.md"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in names if name and (ROOT / name).exists()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as deploy/Dockerfile does it, from a copy: a build leaves folders behind."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(made), "."]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(made.glob("*.whl"))


def test_the_wheel_carries_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {name for name in tracked() if name.startswith(PACKAGES)}
    assert {"left behind": wanted - carried, "too much": carried - wanted} == {"left behind": set(), "too much": set()}


def test_hypercare_works_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "installed"), "HYPERCARE_PORT": "0"}

    def hypercare(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "services", *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    migrated, examined = hypercare("migrate"), hypercare("doctor", "--json")
    assert migrated.returncode == 0, migrated.stderr
    assert examined.returncode == 0, examined.stdout + examined.stderr
    assert {"settings", "database", "model", "teams"} <= {finding["check"] for finding in json.loads(examined.stdout)}
    where = [sys.executable, "-P", "-c", "import services, models, schemas; print(services.__file__, models.__file__, schemas.__file__)"]
    told = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert all(path.startswith(str(tmp_path / "installed")) for path in told), "it was not the wheel that was tried"


def test_packages_are_installed_by_hash_and_nothing_is_compiled() -> None:
    locked, own = (command for command in of(BUILD, "RUN") if "pip install" in command)
    assert {"--require-hashes", "--only-binary=:all:", "requirements.lock"} <= set(shlex.split(locked))
    assert {"--no-deps", "--no-build-isolation", "--no-index", "."} <= set(shlex.split(own))
    assert re.search(r"apt-get|apk|curl|wget|gcc|make|http", " ".join(of(BUILD, "RUN") + of(FINAL, "RUN"))) is None


def test_both_stages_have_one_base_and_its_python_is_one_that_the_project_takes() -> None:
    base = re.search(r"^ARG PYTHON=python:(\d+)\.(\d+)\.\d+-slim", DOCKERFILE, re.MULTILINE)
    oldest = re.search(r'requires-python = ">=(\d+)\.(\d+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert base is not None
    assert oldest is not None
    assert [int(part) for part in base.groups()] >= [int(part) for part in oldest.groups()]
    assert [of(stage, "FROM")[0].split()[0] for stage in (BUILD, FINAL)] == ["${PYTHON}", "${PYTHON}"]


def test_the_final_image_has_no_installer_and_no_root() -> None:
    assert "pip uninstall --yes" in " ".join(of(FINAL, "RUN"))
    assert "pip uninstall --yes pip" in " ".join(of(BUILD, "RUN"))
    assert of(FINAL, "COPY") == ["--from=build /opt/hypercare /opt/hypercare"]
    assert of(FINAL, "USER") == ["10001:10001"] == sorted({SERVICES[name]["user"] for name in OURS})
    assert [word for word, _ in FINAL].index("USER") > max(place for place, (word, _) in enumerate(FINAL) if word in ("RUN", "COPY"))
    assert [json.loads(rest) for rest in of(FINAL, "ENTRYPOINT") + of(FINAL, "CMD")] == [["hypercare"], ["up"]]


def test_the_image_and_compose_ask_the_same_for_health() -> None:
    [told] = of(FINAL, "HEALTHCHECK")
    options, command = told.split("CMD ", 1)
    wanted = SERVICES[sorted(PROCESSES)[0]]["healthcheck"]
    assert ["CMD", *json.loads(command)] == wanted["test"]
    said = dict(word.removeprefix("--").replace("-", "_").split("=") for word in options.split())
    assert said == {name: str(value) for name, value in wanted.items() if name != "test"}


def test_a_folder_that_becomes_a_volume_belongs_to_the_user_of_the_image() -> None:
    made = set(re.findall(r"(?<= )/(?:var/lib/hypercare|secrets)[\w/]*", " ".join(re.findall(r"install --directory[^&]+", DOCKERFILE))))
    written = {
        place
        for name in OURS
        for place, source in mounts(SERVICES[name]).items()
        if source in named_volumes(SERVICES[name]) and not place.startswith("/run/")
    }
    assert written <= made
    assert len(re.findall("--owner=10001 --group=10001", DOCKERFILE)) == len(re.findall("install --directory", DOCKERFILE))


def test_the_builder_gets_what_it_copies_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and not line.startswith("#")]
    given = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {source for rest in of(BUILD, "COPY") for source in rest.split()[:-1]}
    assert lines[0] == "*"
    assert given == copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert [name for name in tracked() if any(fnmatch.fnmatch(name, line) for line in lines if line.startswith("**/"))] == []
