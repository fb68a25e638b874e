"""Tickets from other systems: three forms of record, each taken in once; what is none of them is laid aside and keeps nobody waiting."""

import asyncio
import gzip
import json
import struct
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Producer
from sqlalchemy import select

from schemas.entries import Attribution
from schemas.records import Headers, Received
from schemas.tables import LETTERS, TICKETS
from schemas.topics import DEADLETTER, INTAKE
from services.deliveries import discard
from services.errors import HypercareError, Invalid, TooLarge, Unavailable
from services.intake import CE_TYPE, LARGEST, Intake, accept, decode, texts
from services.ledger import Ledger, Row
from services.log.kafka import Member
from tests.carriers import BRISK, Corner, Shelf, at_work, relaying, until
from tests.lives import entries_of

TOLD = {"title": "Line 3 stopped, no tags", "site": "Cork", "reporter": "olga"}
BINARY = {"ce_specversion": "1.0", "ce_id": "4711", "ce_source": "urn:mes:cork", "ce_type": CE_TYPE, "content-type": "application/json"}
ENVELOPE = {"specversion": "1.0", "id": "4711", "source": "urn:mes:cork", "type": CE_TYPE, "datacontenttype": "application/json"}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=UTF-8"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def js(value: Any) -> bytes:
    return json.dumps(value).encode()


def raw(headers: dict[str, Any]) -> Headers:
    return tuple((name, value if isinstance(value, bytes) else value.encode()) for name, value in headers.items())


def record(value: bytes | None, headers: dict[str, Any] | None = None, offset: int = 0, timestamp: int = 1_772_342_100_000) -> Received:
    return Received(INTAKE.name, 0, offset, timestamp, b"line-3", value, raw(headers or {}))


async def arriving(*batches: Sequence[Received]) -> AsyncGenerator[Sequence[Received], None]:
    for batch in batches:
        yield batch


async def take_in(ledger: Ledger, *batches: Sequence[Received]) -> None:
    await Intake(ledger, arriving(*batches), first_wait=0.01).run()


def tickets(ledger: Ledger) -> list[Row]:
    with ledger.database.read() as connection:
        return [dict(row) for row in connection.execute(select(TICKETS).order_by(TICKETS.c.submitted_at, TICKETS.c.id)).mappings()]


def letters(ledger: Ledger) -> list[Row]:
    with ledger.database.read() as connection:
        return [dict(row) for row in connection.execute(select(LETTERS).order_by(LETTERS.c.id)).mappings()]


FORMS: dict[str, tuple[bytes, dict[str, str]]] = {
    "plain": (js(TOLD), {}),
    "plain, said to be JSON": (js(TOLD), {"content-type": "application/json; charset=utf-8"}),
    "binary": (js(TOLD), BINARY),
    "binary, names in capitals": (js(TOLD), {name.upper(): value for name, value in BINARY.items()}),
    "binary, without a content type": (js(TOLD), {name: value for name, value in BINARY.items() if name != "content-type"}),
    "binary, with extensions": (js(TOLD), BINARY | {"ce_site": "Cork", "ce_time": "2026-03-01T05:15:00Z"}),
    "structured": (js(ENVELOPE | {"data": TOLD}), STRUCTURED),
    "structured, without a data type": (js({k: v for k, v in ENVELOPE.items() if k != "datacontenttype"} | {"data": TOLD}), STRUCTURED),
    "structured, in base64": (js(ENVELOPE | {"data_base64": b64encode(js(TOLD)).decode()}), STRUCTURED),
}


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_makes_the_same_ticket(ledger: Ledger, form: str) -> None:
    value, headers = FORMS[form]
    await take_in(ledger, [record(value, headers)])
    assert letters(ledger) == []
    (ticket,) = tickets(ledger)
    assert {name: ticket[name] for name in TOLD} == TOLD
    (entry,) = entries_of(ledger)
    assert (entry.actor, entry.role) == ("intake" if form.startswith("plain") else "intake:urn:mes:cork", "interface")


async def test_the_trace_and_the_claimed_time_are_kept(ledger: Ledger) -> None:
    await take_in(ledger, [record(js(TOLD | {"occurred_at": "2026-03-01T06:15:00+01:00"}), BINARY | {"traceparent": TRACE})])
    (entry,) = entries_of(ledger)
    assert (entry.traceparent, entry.occurred_at.isoformat()) == (TRACE, "2026-03-01T05:15:00+00:00")
    await take_in(ledger, [record(js(TOLD), BINARY | {"ce_id": "next", "traceparent": "made up\n"})])
    assert entries_of(ledger)[1].traceparent is None


async def test_an_event_is_taken_in_once_however_often_and_in_whatever_form_it_comes(ledger: Ledger) -> None:
    await take_in(
        ledger, [record(*FORMS["binary"], offset=1), record(*FORMS["structured"], offset=2)], [record(*FORMS["binary"], offset=3)]
    )
    assert len(tickets(ledger)) == 1
    assert letters(ledger) == []
    await take_in(ledger, [record(js(TOLD), BINARY | {"ce_source": "urn:mes:ulm"}, 4), record(js(TOLD), BINARY | {"ce_id": "4712"}, 5)])
    assert len(tickets(ledger)) == 3


async def test_a_plain_record_is_known_by_its_place(ledger: Ledger) -> None:
    again = record(js(TOLD), offset=7)
    await take_in(ledger, [again], [again, record(js(TOLD), offset=8)])
    assert len(tickets(ledger)) == 2
    await take_in(ledger, [record(js(TOLD | {"title": "after the topic was made anew"}), offset=7, timestamp=1_772_400_000_000)])
    assert len(tickets(ledger)) == 3
    assert letters(ledger) == []


async def test_a_source_systems_record_is_one_ticket_whatever_brings_it(ledger: Ledger) -> None:
    known = js(TOLD | {"source_system": "mes", "source_id": "N-1"})
    await take_in(ledger, [record(known, offset=1), record(known, BINARY, offset=2)])
    assert len(tickets(ledger)) == 1


async def test_records_are_taken_in_in_their_order(ledger: Ledger) -> None:
    await take_in(ledger, [record(js(TOLD | {"title": f"ticket {n}"}), offset=n) for n in range(50)])
    assert [entry.data["title"] for entry in entries_of(ledger)] == [f"ticket {n}" for n in range(50)]


POISON: dict[str, tuple[bytes | None, dict[str, Any]]] = {
    "no value": (None, {}),
    "no value, but an event": (None, BINARY),
    "nothing": (b"", {}),
    "no JSON": (b"line 3 stopped", {}),
    "half of JSON": (js(TOLD)[:-9], {}),
    "bytes that are not UTF-8": (b'{"title": "\xff\xfe"}', {}),
    "UTF-16": (json.dumps(TOLD).encode("utf-16"), {}),
    "a list": (js([TOLD]), {}),
    "a number": (b"17", {}),
    "NaN": (b'{"title": NaN}', {}),
    "a number without end": (b'{"title": 1e999}', {}),
    "a number of 5,000 digits": (b'{"title": ' + 5_000 * b"9" + b"}", {}),
    "a key twice": (b'{"title": "a", "title": "b", "site": "Cork", "reporter": "olga"}', {}),
    "depth": (5_000 * b"[" + 5_000 * b"]", {}),
    "half of a surrogate pair": (b'{"title": "\\ud83d", "site": "Cork", "reporter": "olga"}', {}),
    "NUL in the title": (js(TOLD | {"title": "a\x00b"}), {}),
    "NUL in an unknown field": (js(TOLD | {"a\x00\x1b[2Jb": 1}), {}),
    "no title": (js({"site": "Cork", "reporter": "olga"}), {}),
    "a field too many": (js(TOLD | {"severity_final": "purple"}), {}),
    "a wrong severity": (js(TOLD | {"reported_severity": "sev9"}), {}),
    "a time without an offset": (js(TOLD | {"occurred_at": "2026-03-01T06:15:00"}), {}),
    "too much text": (js(TOLD | {"body": 20_001 * "x"}), {}),
    "too large": (js(TOLD | {"body": LARGEST * "x"}), {}),
    "an unknown type": (js(TOLD), BINARY | {"ce_type": "com.example.Order.v1"}),
    "a version from the future": (js(TOLD), BINARY | {"ce_type": "io.hypercare.Submission.v2"}),
    "CloudEvents 0.3": (js(TOLD), BINARY | {"ce_specversion": "0.3"}),
    "no id": (js(TOLD), {name: value for name, value in BINARY.items() if name != "ce_id"}),
    "an empty source": (js(TOLD), BINARY | {"ce_source": ""}),
    "NUL in the id": (js(TOLD), BINARY | {"ce_id": "a\x00b"}),
    "an id without end": (js(TOLD), BINARY | {"ce_id": 201 * "9"}),
    "an id that is not UTF-8": (js(TOLD), BINARY | {"ce_id": b"\xff"}),
    "a CSV": (b"title,site\nLine 3,Cork\n", {"content-type": "text/csv"}),
    "another character set": (js(TOLD), {"content-type": "application/json; charset=latin-1"}),
    "an event of another content": (js(TOLD), BINARY | {"content-type": "application/avro"}),
    "structured Avro": (js(ENVELOPE), {"content-type": "application/cloudevents+avro"}),
    "events in a batch": (js([ENVELOPE]), {"content-type": "application/cloudevents-batch+json"}),
    "an envelope without data": (js(ENVELOPE), STRUCTURED),
    "an envelope that is a list": (js([ENVELOPE]), STRUCTURED),
    "base64 that is none": (js(ENVELOPE | {"data_base64": "?"}), STRUCTURED),
    "base64 that is a number": (js(ENVELOPE | {"data_base64": 7}), STRUCTURED),
    "an id that is a number": (js(ENVELOPE | {"id": 7, "data": TOLD}), STRUCTURED),
}


@pytest.mark.parametrize("kind", POISON)
def test_poison_is_refused_in_words_that_do_not_repeat_it(kind: str) -> None:
    value, headers = POISON[kind]
    with pytest.raises((Invalid, TooLarge)) as refused:
        decode(value, texts(raw(headers)))
    assert 10 < len(str(refused.value)) < 1_000
    for secret in ("Cork", "sev9", "com.example", "purple", "9999999"):
        assert secret not in str(refused.value)


def test_a_header_that_stands_twice_has_no_meaning() -> None:
    with pytest.raises(Invalid, match="twice"):
        texts((*raw(BINARY), ("ce_id", b"4712")))
    assert texts((("x-note", b"a"), ("x-note", b"b"))) == {"x-note": "b"}


async def test_poison_among_good_records_is_laid_aside_whole_and_the_good_ones_go_on(ledger: Ledger) -> None:
    kinds = list(POISON.values())
    good = [record(js(TOLD | {"title": f"good {n}"}), offset=1_000 + n) for n in range(len(kinds))]
    bad = [record(value, headers, offset=n) for n, (value, headers) in enumerate(kinds)]
    await take_in(ledger, [each for pair in zip(bad, good, strict=True) for each in pair])
    assert len(tickets(ledger)) == len(good)
    laid = {letter["origin"]: letter for letter in letters(ledger)}
    assert set(laid) == {f"{INTAKE.name}/0@{n}" for n in range(len(kinds))}
    for n, (value, headers) in enumerate(kinds):
        content = laid[f"{INTAKE.name}/0@{n}"]["content"]
        assert b64decode(content["value"]) == (value or b"")[:LARGEST]
        assert {name for name, _ in content["headers"]} == set(headers)
        assert laid[f"{INTAKE.name}/0@{n}"]["error"].isprintable()


async def test_poison_that_comes_again_is_one_dead_letter_even_when_it_is_settled(ledger: Ledger) -> None:
    poison = record(b"no JSON")
    await take_in(ledger, [poison], [poison])
    (letter,) = letters(ledger)
    ledger.write(lambda draft: discard(draft, letter["id"], Attribution("dora", "support_desk"))).result()
    await take_in(ledger, [poison])
    assert [letter["state"] for letter in letters(ledger)] == ["discarded"]


async def test_an_id_that_comes_again_with_another_text_is_for_a_person_to_look_at(ledger: Ledger) -> None:
    await take_in(ledger, [record(js(TOLD), BINARY, 1)], [record(js(TOLD | {"title": "something else"}), BINARY, 2)])
    assert [ticket["title"] for ticket in tickets(ledger)] == [TOLD["title"]]
    (letter,) = letters(ledger)
    assert letter["error"].startswith("KeyReused")


async def test_the_largest_poison_still_fits_a_record_of_kafka(ledger: Ledger) -> None:
    shelf = Shelf()
    headers = {f"header-{n}": 10_000 * "\N{PILE OF POO}" for n in range(100)}
    await take_in(ledger, [record(2 * LARGEST * b"\xff", headers)])
    async with relaying(ledger, shelf):
        await until(lambda: len(shelf.records) == 2)
    assert [each.topic for each in shelf.records][1] == DEADLETTER.name
    assert all(len(each.value) < 1_000_000 for each in shelf.records)


async def test_a_person_replays_a_record_once_its_cause_is_mended(ledger: Ledger) -> None:
    person = Attribution("dora", "support_desk", reason="the interface was mended")
    ticket = ledger.write(lambda draft: accept(draft, js(TOLD), BINARY, person, "letter-1")).result()
    again = ledger.write(lambda draft: accept(draft, js(TOLD), BINARY, person, "letter-1")).result()
    assert (ticket.title, again.id) == (TOLD["title"], ticket.id)
    assert entries_of(ledger)[0].actor == "dora"
    with pytest.raises(HypercareError, match="not JSON"):
        ledger.write(lambda draft: accept(draft, b"still broken", {}, person, "letter-2")).result()


class Shaky(Ledger):
    """A ledger whose database is away for the first writes of each record."""

    away = 3

    def write(self, command: Any, *reads: Any) -> Any:
        future = super().write(command, *reads) if self.away <= 0 else super().write(lambda draft: self._gone())
        self.away -= 1
        return future

    def _gone(self) -> None:
        raise Unavailable("the database is away")


async def test_nothing_is_dropped_while_the_database_is_away(ledger: Ledger) -> None:
    shaky = Shaky(ledger.database)
    await take_in(shaky, [record(js(TOLD | {"title": f"ticket {n}"}), offset=n) for n in range(2)] + [record(b"poison", offset=2)])
    assert sorted(ticket["title"] for ticket in tickets(ledger)) == ["ticket 0", "ticket 1"]
    assert len(letters(ledger)) == 1
    shaky.close()


# On Kafka


def send(corner: Corner, records: Sequence[tuple[bytes | None, dict[str, Any]]], **settings: str) -> None:
    producer = Producer({"bootstrap.servers": corner.bootstrap, **settings})
    for value, headers in records:
        producer.produce(corner.topic(INTAKE.name), value, b"line-3", headers=list(raw(headers)))
    assert producer.flush(10) == 0


def intake(corner: Corner, ledger: Ledger) -> Any:
    arrivals = Member(corner.kafka(pace=BRISK), corner.consumer("intake"), corner.topic(INTAKE.name)).records()
    return at_work(Intake(ledger, arrivals, first_wait=0.01).run())


async def test_on_kafka_the_partition_goes_on_behind_every_kind_of_poison(ledger: Ledger, real_kafka: str) -> None:
    corner = Corner(real_kafka)
    await corner.create()
    small = {kind: told for kind, told in POISON.items() if kind != "too large"}
    for n, told in enumerate(small.values()):
        send(corner, [told, (js(TOLD | {"title": f"good {n}"}), {})])
    async with intake(corner, ledger):
        await until(lambda: len(tickets(ledger)) == len(small) and len(letters(ledger)) == len(small))
    send(corner, [(js(TOLD | {"title": "after a restart"}), {})])
    async with intake(corner, ledger):
        await until(lambda: tickets(ledger)[-1]["title"] == "after a restart")
    assert len(tickets(ledger)) == len(small) + 1
    assert len(letters(ledger)) == len(small)


def misnamed(count: int) -> bytes:
    """A batch of records whose second has a header name that is not UTF-8: no client would send it, and the broker takes it."""
    builder = DefaultRecordBatchBuilder(2, 1, 0, -1, -1, 0, 1 << 20)
    for n in range(count):
        builder.append(n, 1_772_342_100_000, b"line-3", js(TOLD | {"title": f"in the batch {n}"}), [("zz" if n == 1 else "ok", b"")])
    built = builder.build()
    body = gzip.compress(gzip.decompress(bytes(built[61:])).replace(b"zz", b"\xff\xfe"))
    batch = bytearray(built[:61] + body)
    struct.pack_into(">i", batch, 8, len(batch) - 12)
    struct.pack_into(">I", batch, 17, calc_crc32c(memoryview(bytes(batch[21:]))))
    return bytes(batch)


async def test_not_even_a_record_that_the_client_library_stumbles_over_stops_the_intake(ledger: Ledger, real_kafka: str) -> None:
    corner = Corner(real_kafka)
    await corner.create()
    await asyncio.to_thread(send, corner, [(js(TOLD | {"title": "before"}), {})])
    client = AIOKafkaClient(bootstrap_servers=real_kafka)
    await client.bootstrap()
    topic = corner.topic(INTAKE.name)
    part = await asyncio.to_thread(partition_of, corner)
    request = ProduceRequest(transactional_id=None, required_acks=-1, timeout=5_000, topics=[(topic, [(part, misnamed(4))])])
    answer = await client.send(next(iter(client.cluster.brokers())).nodeId, request)
    assert answer.topics[0][1][0][1] == 0, "the broker took it"
    await client.close()
    await asyncio.to_thread(send, corner, [(js(TOLD | {"title": "after"}), {})])
    async with intake(corner, ledger):
        await until(lambda: [ticket["title"] for ticket in tickets(ledger)] == ["before", "in the batch 0", "after"])
    assert [letter["origin"] for letter in letters(ledger)] == [f"{topic}/{part}@{offset}" for offset in (2, 3, 4)]


def partition_of(corner: Corner) -> int:
    """Where the tests' key leads."""
    placed: list[int] = []
    producer = Producer({"bootstrap.servers": corner.bootstrap})
    producer.produce(corner.topic(DEADLETTER.name), b"", b"line-3", on_delivery=lambda _, message: placed.append(message.partition()))
    producer.flush(10)
    return placed[0]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_whatever_compression_others_use_the_intake_can_read_it(ledger: Ledger, real_kafka: str, codec: str) -> None:
    corner = Corner(real_kafka)
    await corner.create()
    await asyncio.to_thread(send, corner, [(js(TOLD | {"body": 500 * codec}), BINARY)], **{"compression.type": codec})
    async with intake(corner, ledger):
        await until(lambda: len(tickets(ledger)) == 1)
