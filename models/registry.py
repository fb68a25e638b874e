"""A model version on disk: arrays in `model.npz`, concepts in `lexicon.json`, all else in `manifest.json`. None of it can run.

Nothing is used before it is proven: the manifest against its own name, the files against the manifest, the model against its goldens.
"""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from models.columns import SEVERE, Columns
from models.errors import LexiconInvalid, ModelDamaged, ModelMissing, ModelUnfaithful, ModelUnsupported
from models.features import FEATURES, SLOTS
from models.lexicon import Lexicon, read_lexicon
from models.manifest import Content, Golden, Manifest, is_sound, mark, to_bytes
from models.triage import Arrays, TriageModel
from schemas.predictions import Prediction

STARTER = Path(__file__).parent / "starter"
ARRAYS, WORDS, MANIFEST = "model.npz", "lexicon.json", "manifest.json"
LARGEST_FILE = 64 * 2**20
_CLOSE = 0.0002

Stored = Mapping[str, npt.NDArray[np.generic]]


def load_model(path: Path | None = None) -> TriageModel:
    """The version in the folder `path`, or the starter version that comes with the product. Raises a ModelError, never half a model."""
    folder = path or STARTER
    manifest = read_manifest(folder)
    content = manifest.content
    lexicon = _lexicon(_proven(folder, content, WORDS), folder)
    shape = (len(lexicon.concepts), len(content.systems))
    arrays = _arrays(_proven(folder, content, ARRAYS), folder, shape)
    model = TriageModel(manifest.version, content.systems, arrays, content.calibration, lexicon)
    _prove(model, content.goldens)
    return model


def read_manifest(folder: Path) -> Manifest:
    raw = _read(folder / MANIFEST)
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError as error:
        raise _unreadable(folder, error) from error
    if not is_sound(raw):
        raise ModelDamaged(f"{folder / MANIFEST} was changed after it was made; restore the folder or load another version")
    if manifest.content.features != FEATURES:
        message = f"{manifest.version} reads text by {manifest.content.features}, this program by {FEATURES}; train it anew"
        raise ModelUnsupported(message)
    return manifest


def _unreadable(folder: Path, error: ValidationError) -> ModelDamaged | ModelUnsupported:
    if any(wrong["loc"] == ("content", "format") for wrong in error.errors()):
        return ModelUnsupported(f"{folder / MANIFEST} has a format that this program does not know; train the model anew")
    return ModelDamaged(f"{folder / MANIFEST} is not a model manifest; restore the folder or load another version")


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise ModelDamaged(f"{path} has {size} bytes, more than a model may have ({LARGEST_FILE}); restore the folder")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelMissing(f"{path} is missing; name a folder that holds {MANIFEST}, {ARRAYS} and {WORDS}") from error


def _proven(folder: Path, content: Content, name: str) -> bytes:
    raw = _read(folder / name)
    if content.files.get(name) != mark(raw):
        raise ModelDamaged(f"{folder / name} differs from what its manifest promises; restore the folder or load another version")
    return raw


def _lexicon(raw: bytes, folder: Path) -> Lexicon:
    try:
        return read_lexicon(raw)
    except LexiconInvalid as error:
        raise ModelDamaged(f"{folder / WORDS} does not hold a lexicon ({error}); load another version") from error


def _arrays(raw: bytes, folder: Path, shape: tuple[int, int]) -> Arrays:
    try:
        with np.load(BytesIO(raw), allow_pickle=False) as stored:
            return _checked(dict(stored), shape)
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ModelDamaged(f"{folder / ARRAYS} does not hold the arrays of a model ({error}); load another version") from error


def _checked(stored: Stored, shape: tuple[int, int]) -> Arrays:
    concepts, systems = shape
    columns = Columns(systems).count
    shapes = {
        "idf": (SLOTS,),
        "weights": (SLOTS, columns),
        "concepts": (concepts, columns),
        "titled": (SLOTS, systems),
        "placed": (SLOTS, SEVERE),
        "offsets": (columns,),
    }
    for name, wanted in shapes.items():
        if stored[name].shape != wanted or not np.isfinite(stored[name].astype(np.float64)).all():
            raise ValueError(f"{name} must hold {wanted} finite numbers")
    return Arrays(
        idf=stored["idf"].astype(np.float64),
        weights=stored["weights"].astype(np.float32),
        concepts=stored["concepts"].astype(np.float64),
        titled=stored["titled"].astype(np.float64),
        placed=stored["placed"].astype(np.float64),
        offsets=stored["offsets"].astype(np.float64),
        vocabulary=stored["vocabulary"].astype(np.uint64),
        known=stored.get("known", np.zeros(0)).astype(np.uint64),
    )


def golden(model: TriageModel, answer: Prediction, expected: Golden) -> bool:
    """Decisions must be the same; figures may differ in the last place, where another processor may round the exponential differently."""
    decided = (answer.systems[0].system, answer.decision, answer.severity, answer.gxp, answer.kind)
    figures = (answer.confidence - expected.confidence, answer.sev1_risk - expected.sev1_risk)
    same = decided == (expected.system, expected.decision, expected.severity, expected.gxp, expected.kind)
    return same and max(map(abs, figures)) <= _CLOSE


def _prove(model: TriageModel, goldens: tuple[Golden, ...]) -> None:
    given = model.predict([one.text for one in goldens])
    wrong = [one.text.title for answer, one in zip(given, goldens, strict=True) if not golden(model, answer, one)]
    if wrong:
        share = f"{len(wrong)} of {len(goldens)}"
        raise ModelUnfaithful(
            f"{model.version} no longer gives its recorded answers ({share}), first to {wrong[0]!r}; load another version"
        )


def packed(arrays: Arrays) -> bytes:
    """An .npz of half-precision weights; the same arrays give the same bytes."""
    out = BytesIO()
    half = {name: getattr(arrays, name).astype(np.float16) for name in ("idf", "weights", "concepts", "titled", "placed")}
    np.savez_compressed(out, **half, offsets=arrays.offsets.astype(np.float32), vocabulary=arrays.vocabulary, known=arrays.known)
    return out.getvalue()


def save_model(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Writes a version into `folder`; the manifest last, so that it never promises what is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / MANIFEST).write_bytes(to_bytes(manifest))
