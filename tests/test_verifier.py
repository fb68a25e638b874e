"""An auditor checks an export with one page of standard-library Python, and finds every forgery."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import services.verifier
from schemas.events import TicketRouted
from services.ledger import Ledger, export
from services.verifier import Verdict, link, read_anchors, verify
from tests.lives import happened, submitted

VERIFIER = Path(services.verifier.__file__)


@pytest.fixture
def lines(ledger: Ledger) -> list[bytes]:
    for n in range(10):
        happened(ledger, submitted(ledger, title=f"Störung {n} \u202e").id, TicketRouted(system="erp", team="erp"))
    with ledger.database.read() as connection:
        return list(export(connection))


def edited(line: bytes, **changes: Any) -> bytes:
    """A line whose entry was changed and whose own digest was made to fit again."""
    fields = json.loads(line)["entry"] | changes
    entry = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    return b'{"digest":"' + link(fields["previous"], entry).encode() + b'","entry":' + entry + b"}"


def test_an_untouched_export_is_good(lines: list[bytes]) -> None:
    assert verify(lines) == Verdict(20, json.loads(lines[-1])["digest"])
    assert verify([]).bad is None


@pytest.mark.parametrize("place", range(20))
def test_every_forgery_is_found_at_its_place(lines: list[bytes], place: int) -> None:
    changed, rewritten = lines.copy(), lines.copy()
    changed[place] = lines[place].replace(b'"support_desk"', b'"qa_reviewer"').replace(b'"automation_engineer"', b'"qa_reviewer"')
    assert verify(changed).bad == place + 1
    removed = lines[:place] + lines[place + 1 :]
    assert verify(removed).bad == (place + 1 if place < 19 else None)
    assert verify([*lines[:place], lines[place], *lines[place:]]).bad == place + 2
    rewritten[place] = edited(lines[place], actor="nobody")
    assert verify(rewritten).bad == (place + 2 if place < 19 else None)
    assert "rewritten" in verify(rewritten, {place + 1: json.loads(lines[place])["digest"]}).why


def test_a_cut_tail_is_found_by_an_anchor(lines: list[bytes]) -> None:
    anchors = {20: json.loads(lines[-1])["digest"]}
    assert verify(lines, anchors).bad is None
    assert verify(lines[:15], anchors) == Verdict(15, json.loads(lines[14])["digest"], 16, verify(lines[:15], anchors).why)
    assert "tail was cut off" in verify(lines[:15], anchors).why


def test_a_whole_chain_written_anew_is_found_by_an_anchor(lines: list[bytes]) -> None:
    anchors, anew, previous = {10: json.loads(lines[9])["digest"]}, [], "0" * 64
    for line in lines:
        anew.append(edited(line, previous=previous, actor="mallory"))
        previous = json.loads(anew[-1])["digest"]
    assert verify(anew).bad is None
    assert verify(anew, anchors).bad == 10


@given(st.binary(max_size=400))
def test_any_bytes_get_a_verdict(noise: bytes) -> None:
    assert verify([noise]).bad == 1


def test_it_runs_alone_with_nothing_but_python(lines: list[bytes], tmp_path: Path) -> None:
    file, anchors = tmp_path / "ledger.ndjson", tmp_path / "anchors"
    file.write_bytes(b"\n".join(lines) + b"\n")
    head = json.loads(lines[-1])["digest"]
    anchors.write_text(json.dumps({"seq": 0, "digest": "0" * 64}) + "\n" + json.dumps({"seq": 20, "digest": head}) + "\n")
    good = subprocess.run([sys.executable, "-I", "-S", VERIFIER, file, anchors], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout) == (0, f"good: 20 entries, head {head}\n")
    file.write_bytes(b"\n".join([*lines[:4], lines[5]]) + b"\n")
    bad = subprocess.run([sys.executable, "-I", "-S", VERIFIER, file], capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout.startswith("BAD at seq 5")) == (1, True)
    assert read_anchors(anchors) == {20: head}


def test_it_fits_on_a_page() -> None:
    assert len(VERIFIER.read_text("utf-8").splitlines()) <= 100
