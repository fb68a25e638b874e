"""A version on disk: used only when it is exactly what was made."""

import json
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import registry
from models.card_figures import FIGURES
from models.errors import ModelDamaged, ModelError, ModelMissing, ModelUnfaithful, ModelUnsupported
from models.examples import corpus_digest
from models.manifest import Content, Manifest, mark, named, to_bytes
from models.registry import ARRAYS, LARGEST_FILE, MANIFEST, STARTER, WORDS, golden, load_model, packed, read_manifest, save_model
from schemas.predictions import TicketText
from tests.corpora import carried, save_small, small_version, whole_corpus

FLIPS = 75
CUTS = 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_small(tmp_path / "small")
    return tmp_path / "small"


def remade(folder: Path, change: Callable[[dict[str, Any]], None], arrays: bytes | None = None) -> None:
    """Writes the version anew with a changed manifest, and honest marks: what somebody could do who knows the format."""
    manifest = read_manifest(folder)
    content = json.loads(manifest.content.model_dump_json())
    raw = arrays if arrays is not None else (folder / ARRAYS).read_bytes()
    content["files"][ARRAYS] = json.loads(mark(raw).model_dump_json())
    change(content)
    save_model(folder, named("small", Content.model_validate(content)), {ARRAYS: raw})


def stored(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(folder / ARRAYS) as arrays:
        return dict(arrays)


def as_npz(arrays: dict[str, Any]) -> bytes:
    out = BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def test_the_starter_version_loads_and_answers() -> None:
    model = load_model()
    (answer,) = model.predict([TicketText(title="IDoc 51 on every goods issue", body="posting period closed", reporter_role="planner")])
    assert answer.systems[0].system == "erp"
    assert model.version == read_manifest(STARTER).version


def test_the_starter_version_was_made_from_the_carried_corpus() -> None:
    content = read_manifest(STARTER).content
    assert content.data.sha256 == corpus_digest([*whole_corpus(), *carried().practice])
    assert (content.data.tickets, len(content.data.writers)) == (len(whole_corpus()), 11)
    assert content.data == carried().mark()
    assert content.files[WORDS] == mark(carried().lexicon.written())
    assert content.calibration.costs == carried().costs


def test_the_starter_version_is_small() -> None:
    files = [path for path in STARTER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4 * 2**20
    drawings = {f"figures/{name}.svg" for name in FIGURES}
    assert {path.relative_to(STARTER).as_posix() for path in files} == {"card.md", "card.json", WORDS, MANIFEST, ARRAYS} | drawings


def test_the_card_of_the_starter_version_tells_of_this_version() -> None:
    card, content = (STARTER / "card.md").read_text(encoding="utf-8"), read_manifest(STARTER).content
    assert card.startswith(f"# Model card: {read_manifest(STARTER).version}\n")
    (line,) = re.findall(rf"^\| all \| {content.data.tickets} \| (.+) \|$", card, re.MULTILINE)
    names = ("strict", "right", "severity", "routed", "routed_right")
    assert [cell.partition(" ")[0] for cell in line.split(" | ")] == [f"{content.scores[name]:.3f}" for name in names]


def test_the_starter_version_keeps_its_measured_level() -> None:
    scores = read_manifest(STARTER).content.scores
    assert scores["strict_mean"] >= 0.855
    assert scores["strict_least"] >= 0.78
    assert scores["right_mean"] >= 0.93
    assert scores["right_least"] >= 0.86
    assert scores["severity_mean"] >= 0.72
    assert scores["routed"] >= 0.80
    assert scores["routed_right"] >= 0.95
    assert scores["calibration_error"] <= 0.04
    assert scores["severity_cost_saved"] >= 0.30
    assert scores["sev1_candidate_recall"] >= 0.95
    assert scores["sev1_candidates"] <= 0.35
    assert scores["sev1_suggested_sev3_or_sev4"] <= 0.02


def test_a_saved_version_answers_as_before(folder: Path) -> None:
    manifest, _ = small_version()
    model = load_model(folder)
    assert model.version == manifest.version
    answers = model.predict([one.text for one in manifest.content.goldens])
    assert all(golden(model, answer, one) for answer, one in zip(answers, manifest.content.goldens, strict=True))


def test_saving_again_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    save_small(tmp_path / "again")
    assert [(folder / name).read_bytes() for name in (ARRAYS, WORDS, MANIFEST)] == [
        (tmp_path / "again" / name).read_bytes() for name in (ARRAYS, WORDS, MANIFEST)
    ]


@pytest.mark.parametrize("name", [ARRAYS, WORDS, MANIFEST])
def test_a_changed_byte_is_refused(folder: Path, name: str) -> None:
    good, chance = (folder / name).read_bytes(), random.Random(7)
    for _ in range(FLIPS):
        spoilt = bytearray(good)
        spoilt[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
        (folder / name).write_bytes(spoilt)
        with pytest.raises((ModelDamaged, ModelUnsupported)):
            load_model(folder)


@pytest.mark.parametrize("name", [ARRAYS, WORDS, MANIFEST])
def test_a_file_cut_short_is_refused(folder: Path, name: str) -> None:
    good, chance = (folder / name).read_bytes(), random.Random(8)
    for _ in range(CUTS):
        (folder / name).write_bytes(good[: chance.randrange(len(good))])
        with pytest.raises(ModelDamaged, match="restore the folder"):
            load_model(folder)


@pytest.mark.parametrize("name", [ARRAYS, WORDS, MANIFEST])
def test_something_behind_the_end_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    with pytest.raises(ModelDamaged):
        load_model(folder)


@pytest.mark.parametrize("name", [ARRAYS, WORDS, MANIFEST])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelMissing, match=rf"{name} is missing; name a folder"):
        load_model(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="nowhere"):
        load_model(tmp_path / "nowhere")


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelMissing):
        load_model(tmp_path / "file")


def test_a_file_beyond_the_cap_is_not_even_read(folder: Path) -> None:
    with (folder / ARRAYS).open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(ModelDamaged, match="more than a model may have"):
        load_model(folder)


def test_arrays_of_another_version_are_refused(folder: Path) -> None:
    arrays = stored(folder)
    arrays["offsets"] = arrays["offsets"] + 1
    (folder / ARRAYS).write_bytes(as_npz(arrays))
    with pytest.raises(ModelDamaged, match="differs from what its manifest promises"):
        load_model(folder)


def test_a_manifest_under_another_name_is_refused(folder: Path) -> None:
    manifest = read_manifest(folder)
    (folder / MANIFEST).write_bytes(to_bytes(Manifest(version="small-000000000000", content=manifest.content)))
    with pytest.raises(ModelDamaged, match="was changed after it was made"):
        load_model(folder)


def test_a_letter_changed_in_the_name_is_refused(folder: Path) -> None:
    raw = (folder / MANIFEST).read_bytes()
    assert b'"version": "small-' in raw
    (folder / MANIFEST).write_bytes(raw.replace(b'"version": "small-', b'"version": "smell-'))
    with pytest.raises(ModelDamaged, match="was changed after it was made"):
        load_model(folder)


def test_a_manifest_that_is_only_laid_out_otherwise_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_text(json.dumps(json.loads((folder / MANIFEST).read_bytes())), encoding="utf-8")
    with pytest.raises(ModelDamaged):
        load_model(folder)


def test_a_manifest_of_an_unknown_format_is_refused_as_such(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["content"]["format"] = 2
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ModelUnsupported, match="format that this program does not know"):
        load_model(folder)


def test_a_version_made_with_other_features_is_refused(folder: Path) -> None:
    remade(folder, lambda content: content.update(features="words-v0"))
    with pytest.raises(ModelUnsupported, match="reads text by words-v0"):
        load_model(folder)


def test_a_version_that_does_not_give_its_recorded_answers_is_refused(folder: Path) -> None:
    remade(folder, lambda content: content["calibration"].update(temperature=5.0))
    with pytest.raises(ModelUnfaithful, match="no longer gives its recorded answers"):
        load_model(folder)


def test_weights_with_a_planted_bias_are_refused_even_with_honest_marks(folder: Path) -> None:
    arrays = stored(folder)
    arrays["offsets"][0] += 3
    remade(folder, lambda content: None, as_npz(arrays))
    with pytest.raises(ModelUnfaithful):
        load_model(folder)


Change = Callable[[dict[str, Any]], dict[str, Any]]


def without(name: str) -> Change:
    return lambda arrays: {key: value for key, value in arrays.items() if key != name}


def with_objects(arrays: dict[str, Any]) -> dict[str, Any]:
    return arrays | {"idf": np.array([{"a": 1}], dtype=object)}


def with_nan(arrays: dict[str, Any]) -> dict[str, Any]:
    weights = arrays["weights"].copy()
    weights[0, 0] = np.nan
    return arrays | {"weights": weights}


@pytest.mark.parametrize(
    "change",
    [
        without("weights"),
        without("vocabulary"),
        without("titled"),
        without("placed"),
        with_objects,
        with_nan,
        lambda arrays: arrays | {"idf": arrays["idf"][:-1]},
        lambda arrays: arrays | {"placed": arrays["placed"][:, :-1]},
    ],
    ids=["no weights", "no vocabulary", "no titles", "no places", "objects", "not a number", "too short", "a severity missing"],
)
def test_arrays_that_are_no_model_are_refused_even_with_honest_marks(
    folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    remade(folder, lambda content: None, as_npz(change(stored(folder))))
    with pytest.raises(ModelDamaged, match="does not hold the arrays of a model"):
        load_model(folder)


class Planted:
    """Would create a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


def test_a_pickle_inside_the_arrays_is_never_run(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    remade(folder, lambda content: None, as_npz(stored(folder) | {"idf": np.array([Planted(trace)], dtype=object)}))
    with pytest.raises(ModelDamaged):
        load_model(folder)
    assert not trace.exists()
    with np.load(folder / ARRAYS, allow_pickle=True) as careless:
        careless["idf"]
    assert trace.exists()


def test_a_zip_that_holds_no_arrays_is_refused(folder: Path) -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    remade(folder, lambda content: None, out.getvalue())
    with pytest.raises(ModelError):
        load_model(folder)


def test_a_version_from_before_known_words_were_recorded_calls_none_unknown(folder: Path) -> None:
    arrays = stored(folder)
    strange = TicketText(title="Waga na linii nie reaguje od rana")
    assert load_model(folder).predict([strange])[0].unknown_words > 0.5
    del arrays["known"]
    remade(folder, lambda content: None, as_npz(arrays))
    assert load_model(folder).predict([strange])[0].unknown_words == 0


def test_packing_the_same_arrays_gives_the_same_bytes() -> None:
    arrays = load_model()._arrays
    assert packed(arrays) == packed(arrays) == (STARTER / ARRAYS).read_bytes()


def test_every_message_says_what_to_do(folder: Path) -> None:
    (folder / ARRAYS).write_bytes(b"")
    with pytest.raises(ModelError, match=r"; (restore|load|name|train)"):
        load_model(folder)


def test_the_registry_offers_no_way_to_load_a_pickle() -> None:
    source = Path(registry.__file__).read_text(encoding="utf-8")
    assert "allow_pickle=False" in source
    assert "allow_pickle=True" not in source


PROGRAM = """
import hashlib, sys
from models.floors import load_floors
from models.registry import load_model
from models.severity import severity_of
from models.taxonomy import load_taxonomy
from schemas.predictions import TicketText
load_floors(), load_taxonomy(), severity_of([], None, "sev3")
model = load_model()
titles = ["Label blank on line 4", "Étiquette blanche", "IDoc 51", "cannot sign", "", "x" * 9000]
answers = model.predict([TicketText(title=title, body="since 06:10", reporter_role="operator") for title in titles])
heavy = sorted(name for name in sys.modules if name.partition(".")[0] in ("sklearn", "scipy", "joblib", "sqlalchemy", "aiokafka"))
print(hashlib.sha256(repr(answers).encode()).hexdigest(), heavy)
"""


def run(seed: str) -> str:
    return subprocess.run([sys.executable, "-c", PROGRAM], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout


def test_scoring_needs_numpy_only_and_every_process_answers_the_same() -> None:
    first, second = run("1"), run("2")
    assert first == second
    assert first.endswith(" []\n")
