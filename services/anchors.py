"""The ledger's head, kept outside the database: a rewritten, cut or restored ledger shows."""

import asyncio
import json
import os
from pathlib import Path

from services.errors import Invalid
from services.ledger import Ledger, Row, read_head

EVERY_S = 3600.0


def append_anchor(path: Path, head: Row) -> None:
    """Add a JSON line with seq, digest and time; on the disk when this returns."""
    line = json.dumps({"seq": head["seq"], "digest": head["digest"], "recorded_at": head["recorded_at"].isoformat()})
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise Invalid(f"The anchors {path} cannot be written: {error.strerror}") from error


def anchor(ledger: Ledger, path: Path) -> None:
    with ledger.database.read() as connection:
        append_anchor(path, read_head(connection))


async def keep_anchoring(ledger: Ledger, path: Path, every: float = EVERY_S) -> None:
    """Anchor at once, then every so many seconds, and once more at the end."""
    try:
        while True:
            await asyncio.to_thread(anchor, ledger, path)
            await asyncio.sleep(every)
    finally:
        anchor(ledger, path)
