"""What a version says about itself holds to the byte, and stays readable by later programs."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from models.errors import ModelDamaged
from models.known_words import unseen_shares
from models.manifest import Content, FileMark, Manifest, Reference, is_sound, mark, named, to_bytes
from models.registry import MANIFEST, load_model, read_manifest
from tests.corpora import save_small, small_corpus, small_version


def of_small() -> Manifest:
    return small_version()[0]


def sealed(name: str, content: dict[str, Any]) -> bytes:
    """A manifest as a program with other fields would have written it."""

    def written(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"

    digest = hashlib.sha256(f"{name}\n{written(content)}".encode()).hexdigest()
    return written({"version": f"{name}-{digest[:12]}", "content": content}).encode()


def content() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(to_bytes(of_small()))["content"]
    return data


def test_a_manifest_is_read_as_it_was_written() -> None:
    raw = to_bytes(of_small())
    assert is_sound(raw)
    assert Manifest.model_validate_json(raw) == of_small()
    assert sealed("small", content()) == raw


def test_a_version_from_before_a_field_was_added_is_still_sound(tmp_path: Path) -> None:
    """`workaround` stands for any field that a text gained since: the older version never wrote it."""
    save_small(tmp_path)
    older = content()
    for one in older["goldens"]:
        del one["text"]["workaround"]
    (tmp_path / MANIFEST).write_bytes(sealed("older", older))
    assert load_model(tmp_path).version.startswith("older-")


def test_a_version_from_before_answers_were_recorded_is_still_sound(tmp_path: Path) -> None:
    save_small(tmp_path)
    older = content()
    del older["reference"]
    (tmp_path / MANIFEST).write_bytes(sealed("older", older))
    assert load_model(tmp_path).version.startswith("older-")
    assert read_manifest(tmp_path).content.reference is None


def test_the_reference_tells_what_answers_looked_like() -> None:
    """Recounted from the scores, which were measured on the same tickets."""
    reference, scores = of_small().content.reference, of_small().content.scores
    assert reference is not None
    assert reference.answered == {system: scores[f"answered_{system}"] for system in of_small().content.systems}
    assert sum(reference.answered.values()) == pytest.approx(1, abs=0.001)
    assert sum(reference.confidence) == pytest.approx(1, abs=0.001)
    assert reference.confidence[-1] > reference.confidence[3] > reference.confidence[0] == 0
    assert reference.set_size == scores["set_size"]
    assert reference.unknown_words == pytest.approx(unseen_shares(small_corpus()).mean(), abs=0.0001)


@pytest.mark.parametrize("fault", [{"confidence": (0.5, 0.5)}, {"set_size": 0.5}, {"unknown_words": 1.5}, {"answered": {"erp": -1}}])
def test_a_reference_that_cannot_be_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Reference.model_validate(content()["reference"] | fault)


def test_a_field_that_this_program_does_not_know_is_refused(tmp_path: Path) -> None:
    save_small(tmp_path)
    (tmp_path / MANIFEST).write_bytes(sealed("newer", content() | {"mood": "good"}))
    with pytest.raises(ModelDamaged, match="is not a model manifest"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"temperature": 0.', b'"temperature": 1.'),
        (b'"decision": "route"', b'"decision": "triage"'),
        (b'"tickets": ', b'"tickets": 1'),
        (b'\n "content"', b'\n  "content"'),
        (b'"format": 1', b'"format": 1, "format": 1'),
    ],
)
def test_any_change_is_unsound(old: bytes, new: bytes) -> None:
    raw = to_bytes(of_small())
    assert old in raw
    assert not is_sound(raw.replace(old, new, 1))


def test_a_mark_tells_size_and_digest() -> None:
    assert mark(b"abc") == FileMark(sha256=hashlib.sha256(b"abc").hexdigest(), bytes=3)


@pytest.mark.parametrize(
    "fault", [{"systems": ["erp"]}, {"goldens": []}, {"format": 2}, {"files": {"model.npz": {"sha256": "x", "bytes": 1}}}]
)
def test_a_content_that_cannot_be_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Content.model_validate(content() | fault)


def test_a_name_may_hold_dashes() -> None:
    assert is_sound(to_bytes(named("site-cork-2", of_small().content)))
