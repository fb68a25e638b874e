"""Tickets from other systems, as records of the intake topic: taken in once each, or laid aside whole where people see them.

Three forms: CloudEvents 1.0 in binary mode (attributes in `ce_` headers), in structured mode (content-type
application/cloudevents+json), and plain JSON. The data is a Submission. An event is known by its source and id, a plain record by its
place. Who reports is in the submission; the actor of the entry is the system that sent it, in the role `interface`.
"""

import asyncio
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

import structlog
from pydantic import ValidationError

from schemas.cloudevents import Envelope
from schemas.entries import Attribution
from schemas.events import RecordQuarantined
from schemas.records import Received
from schemas.tables import LETTERS
from schemas.tickets import Submission, Ticket
from services.deliveries import quarantine
from services.errors import Invalid, TooLarge, Unavailable
from services.ledger import Draft, Ledger
from services.strictjson import parse
from services.tickets import SERVICE, reads_of, submit

log = structlog.get_logger()

CE_TYPE = "io.hypercare.Submission.v1"
ACTOR = "intake"
ROLE = "interface"
LARGEST = 256 * 1024
KEPT_OF_HEADERS = 64
KEPT_OF_TEXT = 1_000
LONGEST_WAIT = 10.0
_STRUCTURED = "application/cloudevents"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_JSON = re.compile(r"(application|text)/([a-z0-9.-]+\+)?json")


class Told(NamedTuple):
    """What a record says: the submission, and for an event who sent it under which id."""

    submission: Submission
    source: str | None = None
    id: str | None = None


def decode(value: bytes | None, headers: Mapping[str, str]) -> Told:
    """`Invalid` or `TooLarge` where the record is none of the three forms."""
    if not value:
        raise Invalid("The record has no value, or none that can be taken apart; send the submission as JSON, under header names in UTF-8")
    if len(value) > LARGEST:
        raise TooLarge(f"The record has {len(value)} bytes; at most {LARGEST} are taken in")
    headers = {name.lower(): text for name, text in headers.items()}
    content = headers.get("content-type", "application/json").lower()
    if content.startswith(_STRUCTURED):
        return _structured(value, content)
    if any(name.startswith("ce_") for name in headers):
        attributes = {name.removeprefix("ce_"): text for name, text in headers.items() if name.startswith("ce_")}
        return _event(attributes | {"datacontenttype": content}, parse(value))
    _check_content(content)
    return Told(_submission(parse(value)))


def _structured(value: bytes, content: str) -> Told:
    if not content.startswith(f"{_STRUCTURED}+json"):
        raise Invalid("Of CloudEvents in structured mode only application/cloudevents+json is understood, one event per record")
    event = parse(value)
    if not isinstance(event, dict):
        raise Invalid("A CloudEvent is a JSON object")
    return _event(event, _data(event))


def _data(event: dict[str, Any]) -> Any:
    encoded = event.get("data_base64")
    if encoded is None:
        return event.get("data")
    try:
        return parse(b64decode(encoded, validate=True))
    except (NotBase64, TypeError, ValueError):
        raise Invalid("data_base64 is not base64") from None


def _event(attributes: Mapping[str, Any], data: Any) -> Told:
    try:
        envelope = Envelope.model_validate(attributes)
    except ValidationError as error:
        raise Invalid(f"Not a CloudEvent: {_faults(error)}") from None
    if envelope.type != CE_TYPE:
        raise Invalid(f"The type is not {CE_TYPE}: another event, or a version that this program does not know")
    _check_content(envelope.datacontenttype.lower())
    return Told(_submission(data), envelope.source, envelope.id)


def _check_content(content: str) -> None:
    kind, _, parameters = content.partition(";")
    if not _JSON.fullmatch(kind.strip()) or ("charset" in parameters and "utf-8" not in parameters):
        raise Invalid("The content type is not JSON in UTF-8; send application/json")


def _submission(data: Any) -> Submission:
    try:
        return Submission.model_validate(data)
    except ValidationError as error:
        raise Invalid(f"Not a submission: {_faults(error)}") from None


def _faults(error: ValidationError) -> str:
    """Where and what, never the value itself."""
    return "; ".join(f"{'.'.join(str(part)[:40] for part in fault['loc']) or 'value'}: {fault['msg']}" for fault in error.errors()[:5])


def accept(draft: Draft, value: bytes, headers: Mapping[str, str], by: Attribution, key: str) -> Ticket:
    """Take a record in, on behalf of `by`: how a quarantined record is sent through again. `Invalid` where it still is none."""
    return submit(draft, decode(value, headers).submission, by, key)[0]


class Intake:
    """Takes in what arrives, until cancelled. Records count as done when they are in the ledger, as tickets or as dead letters."""

    def __init__(self, ledger: Ledger, arrivals: AsyncGenerator[Sequence[Received], None], first_wait: float = 0.2) -> None:
        self.ledger = ledger
        self.arrivals = arrivals
        self.first_wait = first_wait

    async def run(self) -> None:
        async with aclosing(self.arrivals) as arrivals:
            async for records in arrivals:
                await self._patiently(records)

    async def _patiently(self, records: Sequence[Received]) -> None:
        """Those that the database could not take are tried again, in their order, until it is back."""
        wait = self.first_wait
        while records := await self._take_in(records):
            log.warning("waiting for the database", service=ACTOR, seconds=wait)
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def _take_in(self, records: Sequence[Received]) -> Sequence[Received]:
        """The records that are still to be taken in. A record is poison whatever error it causes."""
        outcomes = await asyncio.gather(*(self._write(record) for record in records), return_exceptions=True)
        refused = [(record, error) for record, error in zip(records, outcomes, strict=True) if isinstance(error, Exception)]
        aside = [self._lay_aside(record, error) for record, error in refused if not isinstance(error, Unavailable)]
        failed = [error for error in await asyncio.gather(*aside, return_exceptions=True) if isinstance(error, Exception)]
        return records if failed else [record for record, error in refused if isinstance(error, Unavailable)]

    async def _write(self, record: Received) -> None:
        told = decode(record.value, texts(record.headers))
        by, key = _sender(record, told)

        def command(draft: Draft) -> None:
            submit(draft, told.submission, by, key)

        await self.ledger.written(command, *reads_of(told.submission, by.actor, key))

    async def _lay_aside(self, record: Received, error: Exception) -> None:
        event = _quarantined(record, error)
        log.warning("a record is laid aside", letter=event.letter, error=type(error).__name__)

        def command(draft: Draft) -> None:
            if draft.get(LETTERS, event.letter) is None:
                quarantine(draft, event, Attribution(f"{SERVICE}:{ACTOR}", SERVICE))

        await self.ledger.written(command, (LETTERS, (event.letter,)))


def _sender(record: Received, told: Told) -> tuple[Attribution, str]:
    trace = dict(record.headers).get("traceparent", b"").decode("ascii", "replace")
    actor, key = (f"{ACTOR}:{told.source}", told.id) if told.source else (ACTOR, _place(record))
    return Attribution(actor, ROLE, traceparent=trace if _TRACEPARENT.fullmatch(trace) else None), key or _place(record)


def _place(record: Received) -> str:
    """Unique even where the topic was deleted and made anew, so that offsets begin again."""
    return f"{record.topic}/{record.partition}@{record.offset}/{record.timestamp}"


def texts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """`Invalid` where a header is not UTF-8, or one that means something stands twice."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name in found and name.lower().startswith(("ce_", "content-type")):
            raise Invalid("A header stands twice; keep the one that you mean")
        try:
            found[name] = value.decode("utf-8")
        except UnicodeDecodeError:
            raise Invalid("A header is not UTF-8") from None
    return found


def _quarantined(record: Received, error: Exception) -> RecordQuarantined:
    """All of the record that fits, so that a person can see what it was and send it through again."""
    headers = tuple((_shown(name), _shown(value)) for name, value in record.headers[:KEPT_OF_HEADERS])
    return RecordQuarantined(
        letter=_place(record),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=None if record.key is None else _shown(record.key),
        headers=headers,
        value=b64encode((record.value or b"")[:LARGEST]).decode(),
        error=_shown(f"{type(error).__name__}: {error}"),
    )


def _shown(told: str | bytes) -> str:
    """Text that a database, a log line and a terminal can carry."""
    text = told.decode("utf-8", "backslashreplace") if isinstance(told, bytes) else told
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:KEPT_OF_TEXT])
