"""Fetches the calendars that rotas name, from a file or by https, and keeps a copy of each for when it cannot be fetched."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import httpx2

from schemas.oncall import Rota
from services.errors import Misconfigured, Unavailable
from services.oncall.ical import Calendar, read_calendar
from services.settings import LOOPBACK, Settings
from services.teams import Teams

PATIENCE = 10.0
LARGEST = 5_000_000
KEPT = 600.0
"""Seconds until a calendar is fetched again."""


@dataclass
class Calendars:
    """Of one process. To look may take as long as it takes to fetch: not for an event loop."""

    teams: Teams
    folder: Path
    """Where files without a full path are looked for."""
    copies: Path
    _read: dict[str, tuple[float, Calendar]] = field(default_factory=dict)

    def look(self) -> dict[str, Calendar]:
        """By rota, for those that have one."""
        return {name: self._of(name, rota) for name, rota in self.teams.rotas.items() if rota.ical}

    def _of(self, name: str, rota: Rota) -> Calendar:
        read_at, known = self._read.get(name, (-KEPT, None))
        if known is None or monotonic() - read_at >= KEPT:
            known = read_feed(rota.ical or "", self.teams, self.folder, self.copies)
            self._read[name] = monotonic(), known
        return known


def calendars_of(settings: Settings, teams: Teams) -> Calendars:
    return Calendars(teams, settings.teams_file.parent if settings.teams_file else Path(), settings.calendars_dir)


def read_feed(source: str, teams: Teams, folder: Path, copies: Path) -> Calendar:
    """Never raises: what is wrong stands among the calendar's faults."""
    copy = copies / f"{sha256(source.encode()).hexdigest()[:16]}.ics"
    try:
        text = fetch(source, folder)
    except (Unavailable, Misconfigured) as error:
        return _of_copy(copy, str(error), teams)
    found = read_calendar(text, teams.people)
    return found._replace(faults=(*found.faults, *_keep(copy, text)))


def fetch(source: str, folder: Path) -> str:
    """Raises Unavailable where the calendar does not come, Misconfigured where it is none or may not be fetched."""
    text = _download(source) if "://" in source else _file(folder / source)
    if "BEGIN:VCALENDAR" not in text:
        raise Misconfigured(f"{_shown(source)} is no calendar in iCalendar format")
    return text


def _download(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise Misconfigured(f"{_shown(url)} is not fetched: write https://, or name a file")
    try:
        with httpx2.stream("GET", url, timeout=PATIENCE) as answer:
            answer.raise_for_status()
            return _text(answer)
    except httpx2.HTTPError as error:
        raise Unavailable(f"{_shown(url)} cannot be fetched: {type(error).__name__}") from error


def _text(answer: httpx2.Response) -> str:
    content = b""
    for part in answer.iter_bytes():
        content += part
        if len(content) > LARGEST:
            raise Misconfigured(f"{_shown(str(answer.url))} is larger than 5 MB; export what is current only")
    return content.decode("utf-8", "replace")


def _file(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"The calendar {path} cannot be read: {error}") from error


def _shown(source: str) -> str:
    """Of an address its host only: the rest is as good as a password."""
    return f"The calendar at {urlsplit(source).hostname}" if "://" in source else f"The calendar {source}"


def _keep(copy: Path, text: str) -> tuple[str, ...]:
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        fresh = copy.with_suffix(".new")
        fresh.write_text(text, "utf-8")
        fresh.replace(copy)
    except OSError as error:
        return (
            f"no copy of the calendar can be kept at {copy}: {error.strerror}; set HYPERCARE_CALENDARS_DIR to a folder that can be written",
        )
    return ()


def _of_copy(copy: Path, why: str, teams: Teams) -> Calendar:
    try:
        kept_at = datetime.fromtimestamp(copy.stat().st_mtime, UTC)
        found = read_calendar(copy.read_text("utf-8"), teams.people)
    except OSError:
        return Calendar((), (f"{why}; there is no copy of it, so nobody is on call by it",))
    return found._replace(faults=(*found.faults, f"{why}; the copy of {kept_at:%Y-%m-%d %H:%M} UTC is used"))
