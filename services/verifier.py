"""Check an exported ledger with nothing but Python: `python verifier.py EXPORT [ANCHORS]`.

An export has a line per entry, `{"digest":"<64 hex>","entry":{...}}`. The entry's bytes are its canonical JSON (RFC 8785), and
digest = SHA-256(previous digest as ASCII hex, then those bytes). A chain is good when seq runs 1, 2, 3 ... without a gap, every entry
names the digest before it, every digest is right, and every anchor (`{"seq":n,"digest":"..."}`, kept outside the database) is met.
"""

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

GENESIS = "0" * 64
PREFIX = b'{"digest":"'
MIDDLE = b'","entry":'


class Verdict(NamedTuple):
    """`bad` is the first seq that does not hold, or None; `why` says what is wrong with it."""

    checked: int
    head: str
    bad: int | None = None
    why: str = ""


def link(previous: str, entry: bytes) -> str:
    return hashlib.sha256(previous.encode() + entry).hexdigest()


def fault(line: bytes, seq: int, previous: str) -> str:
    """What is wrong with the line that should hold entry `seq`, or nothing."""
    start, end = len(PREFIX) + 64, len(PREFIX) + 64 + len(MIDDLE)
    if not line.startswith(PREFIX) or line[start:end] != MIDDLE or not line.endswith(b"}"):
        return "the line is not an exported entry"
    try:
        entry = json.loads(line[end:-1])
    except ValueError:
        return "the entry is not JSON"
    if entry.get("seq") != seq:
        return f"the line says seq {entry.get('seq')}: an entry is missing, repeated or out of order"
    if entry.get("previous") != previous:
        return "the entry does not follow the one before it: something was taken out, put in or changed before"
    return "" if link(previous, line[end:-1]) == digest_of(line) else "the entry was changed after it was written"


def digest_of(line: bytes) -> str:
    return line[len(PREFIX) : len(PREFIX) + 64].decode("ascii", "replace")


def verify(lines: Iterable[bytes], anchors: dict[int, str] | None = None) -> Verdict:
    seq, head, wanted = 0, GENESIS, dict(anchors or {})
    for line in lines:
        why = fault(line.rstrip(b"\n"), seq + 1, head)
        if not why and wanted.pop(seq + 1, digest_of(line)) != digest_of(line):
            why = "the ledger was rewritten: the anchor holds another digest for this entry"
        if why:
            return Verdict(seq, head, seq + 1, why)
        seq, head = seq + 1, digest_of(line)
    if wanted:
        return Verdict(seq, head, seq + 1, f"the ledger ends at {seq}, but an anchor knows entry {max(wanted)}: the tail was cut off")
    return Verdict(seq, head)


def read_anchors(path: Path) -> dict[int, str]:
    """An anchor with seq 0 says only that the ledger was empty."""
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return {record["seq"]: record["digest"] for record in records if record["seq"] > 0}


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2):
        sys.stderr.write("usage: python verifier.py EXPORT [ANCHORS]\n")
        return 2
    with Path(arguments[0]).open("rb") as lines:
        verdict = verify(lines, read_anchors(Path(arguments[1])) if len(arguments) == 2 else None)
    good = f"good: {verdict.checked} entries, head {verdict.head}"
    sys.stdout.write((f"BAD at seq {verdict.bad}: {verdict.why}" if verdict.bad else good) + "\n")
    return 1 if verdict.bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
