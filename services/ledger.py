"""The append-only ledger: every change of the system is an entry here, in one gap-free order, chained by digest.

One writer thread per process collects what is waiting and commits it as one transaction (group commit), so the cost of a durable
commit is shared and falls as load rises. The head row's lock orders the writers of all processes.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from json import JSONEncoder
from os import register_at_fork
from random import Random
from typing import Any, Generic, NamedTuple, TypeVar, cast
from uuid import UUID

import rfc8785
from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, func, select, union_all, update

from schemas.columns import BIG, rfc3339
from schemas.entries import Attribution, Entry
from schemas.events import Event
from schemas.tables import ENTRIES, HEAD
from services.db import Database, key_names, store
from services.errors import HypercareError
from services.verifier import MIDDLE, PREFIX, link

T = TypeVar("T")
Row = dict[str, Any]
Slot = tuple[Table, tuple[Any, ...]]
LARGEST_GROUP = 256
REACH = 8
"""Pages of the ledger."""
LOCK = select(HEAD).with_for_update()
MOVE = update(HEAD)
PLAIN = frozenset((str, bool, type(None)))
_chance = Random()  # asking the system for each id would let other threads in between, at several times the cost
register_at_fork(after_in_child=_chance.seed)
_dumps = JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def utc_now() -> datetime:
    return datetime.now(UTC)


class Subject(NamedTuple):
    """The ticket that an entry is about, in the version that the entry makes of it."""

    ticket: str | None = None
    ticket_version: int = 0
    site: str | None = None


NO_TICKET = Subject()


class Draft:
    """What one transaction is about to write: entries, and rows by primary key that later reads of the same draft already see.

    Nothing reaches the database before `flush`, so a refused command is undone by forgetting what it staged since its `mark`.
    """

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        head = connection.execute(LOCK).mappings().one()
        self.seq: int = head["seq"]
        self.digest: str = head["digest"]
        self.tickets: int = head["tickets"]
        self.now = max(now, head["recorded_at"])
        self.entries: list[Row] = []
        self._rows: dict[Slot, Row | None] = {}
        self._staged: dict[Slot, Row] = {}
        self._journal: list[tuple[Slot, Row | None]] = []

    def get(self, table: Table, *key: Any) -> Row | None:
        """The row with this primary key as this transaction sees it, or None."""
        if (table, key) not in self._rows:
            self.prefetch(table, [key])
        return self._rows[table, key]

    def prefetch(self, table: Table, keys: Iterable[tuple[Any, ...]]) -> None:
        """Read many rows with few statements; later `get`s of these keys cost nothing."""
        missing = [key for key in dict.fromkeys(keys) if (table, key) not in self._rows]
        self._rows.update({(table, key): None for key in missing})
        alike: dict[tuple[Any, ...], list[Any]] = {}
        for *first, last in missing:
            alike.setdefault(tuple(first), []).append(last)
        for head, lasts in alike.items():
            self._read(table, head, lasts)

    def _read(self, table: Table, first: tuple[Any, ...], lasts: Sequence[Any]) -> None:
        """Rows whose keys differ in the last column only: a search in the index, where SQLite scans for an IN over several columns."""
        *columns, last = table.primary_key.columns
        same = [column == part for column, part in zip(columns, first, strict=True)]
        for row in self.connection.execute(select(table).where(*same, last.in_(lasts))).mappings():
            self._rows[table, tuple(row[name] for name in key_names(table))] = dict(row)

    def staged(self, table: Table) -> list[Row]:
        """Rows that this transaction is about to write: no query shows them yet."""
        return [row for (owner, _), row in self._staged.items() if owner is table]

    def put(self, table: Table, row: Row) -> None:
        """Insert or replace one whole row."""
        slot = (table, tuple(row[name] for name in key_names(table)))
        self._journal.append((slot, self._staged.get(slot)))
        self._rows[slot] = self._staged[slot] = row

    def append(self, event: Event, by: Attribution, about: Subject = NO_TICKET) -> Entry:
        """Add the next entry of the ledger. `occurred_at` is the claim where there is one, else the time of recording."""
        why = {"actor": by.actor, "role": by.role, "reason": by.reason, "cause": by.cause, "traceparent": by.traceparent}
        when = {"occurred_at": by.occurred_at or self.now, "recorded_at": self.now}
        what = {
            "id": str(UUID(int=_chance.getrandbits(128), version=4)),
            "type": type(event).__name__,
            "data": event.model_dump(mode="json", exclude_none=True),
        }
        fields: Row = {"seq": self.seq + 1, "previous": self.digest} | what | about._asdict() | why | when
        fields["digest"] = link(self.digest, canonical(fields))
        self.seq, self.digest = fields["seq"], fields["digest"]
        self.entries.append(fields)
        return Entry.model_construct(**fields)

    def mark(self) -> tuple[int, int, int, int, str]:
        return len(self.entries), len(self._journal), self.tickets, self.seq, self.digest

    def undo(self, mark: tuple[int, int, int, int, str]) -> None:
        """Forget everything staged since the mark."""
        entries, journal, self.tickets, self.seq, self.digest = mark
        del self.entries[entries:]
        while len(self._journal) > journal:
            slot, staged = self._journal.pop()
            if staged is None:
                del self._staged[slot], self._rows[slot]
            else:
                self._rows[slot] = self._staged[slot] = staged

    def flush(self) -> None:
        """Send everything staged to the database, table by table."""
        if self.entries:
            store(self.connection, ENTRIES, self.entries)
            self.connection.execute(MOVE, {"seq": self.seq, "digest": self.digest, "recorded_at": self.now, "tickets": self.tickets})
        tables = {table for table, _ in self._staged}
        for table in sorted(tables, key=lambda each: each.name):
            store(self.connection, table, self.staged(table), replace=True)


def canonical(fields: Row) -> bytes:
    """RFC 8785 JSON of an entry's fields but its digest; instants as RFC 3339 in UTC with microseconds."""
    spoken = {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in fields.items()}
    return _dumps(spoken).encode() if _simple(spoken) else bytes(rfc8785.dumps(spoken))


def _simple(value: Any) -> bool:
    """Whether Python's own JSON with sorted keys is RFC 8785 already, at a fifth of the cost: plain keys, safe integers, and fractions
    that neither writes with an exponent."""
    if isinstance(value, dict):
        return "".join(value).isascii() and _simple(list(value.values()))
    if isinstance(value, list):
        return PLAIN.issuperset(map(type, value)) or all(map(_simple, value))
    if isinstance(value, float):
        return 1e-4 <= abs(value) < 1e15 and not value.is_integer()
    return type(value) in PLAIN or (isinstance(value, int) and abs(value) < 2**53)


class _Job(Generic[T]):
    """A command, the rows it will read, and the future of whoever waits: a thread's, or a task's in `loop`."""

    def __init__(self, command: Callable[[Draft], T], reads: Sequence[Slot], loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.command = command
        self.reads = reads
        self.loop = loop
        self.future: Future[T] | asyncio.Future[T] = loop.create_future() if loop else Future()
        self.outcome: tuple[T | None, BaseException | None] = (None, None)

    def attempt(self, draft: Draft) -> None:
        mark = draft.mark()
        try:
            self.outcome = (self.command(draft), None)
        except HypercareError as refused:
            draft.undo(mark)
            self.outcome = (None, refused)

    def settle(self) -> None:
        """A caller that went away meanwhile does not take its neighbours' answers along."""
        result, error = self.outcome
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)  # type: ignore[arg-type]


def _settle(jobs: Iterable[_Job[Any]]) -> None:
    for job in jobs:
        job.settle()


class Ledger:
    """The one writer of a process, and the readers of what was written."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self.database = database
        self.clock = clock
        self._waiting: deque[_Job[Any]] = deque()
        self._watchers: list[Callable[[], None]] = []
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger-writer")
        self._isolated = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger-transaction")
        self._watching = threading.Lock()
        self._lock = threading.Lock()
        self._announced = False

    def write(self, command: Callable[[Draft], T], *reads: Slot) -> Future[T]:
        """Run a command in the next group commit. The future has its result only after the commit; an error means nothing was stored.

        `reads` names rows that the command will get: those of a whole group are then read with one statement per table.
        """
        job = _Job(command, reads)
        self._enqueue(job)
        return cast("Future[T]", job.future)

    def written(self, command: Callable[[Draft], T], *reads: Slot) -> "asyncio.Future[T]":
        """`write` for tasks. One that is cancelled while it waits does not undo the command."""
        job = _Job(command, reads, asyncio.get_running_loop())
        self._enqueue(job)
        return cast("asyncio.Future[T]", job.future)

    def _enqueue(self, job: _Job[Any]) -> None:
        with self._lock:
            self._waiting.append(job)
            announced, self._announced = self._announced, True
            if not announced:
                self._writer.submit(self._drain)

    def _drain(self) -> None:
        while group := self._taken():
            self._commit(group)

    def _taken(self) -> list[_Job[Any]]:
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_GROUP))]
            self._announced = bool(group)
        return group

    def _commit(self, group: Sequence[_Job[Any]]) -> None:
        """The executor catches what the group could not: a group that failed is tried again one by one, so that only the culprit fails."""
        attempt = self._isolated.submit(self._transact, group)
        error = attempt.exception()
        if error is not None and len(group) > 1 and not isinstance(error, HypercareError):
            for job in group:
                self._commit([job])
            return
        if error is not None:
            for job in group:
                job.outcome = (None, error)
        self._answer(group)
        self._announce()

    def _answer(self, group: Sequence[_Job[Any]]) -> None:
        """One call into each event loop, not one per job: waking a loop is dearer than the answer."""
        for loop in dict.fromkeys(job.loop for job in group):
            jobs = [job for job in group if job.loop is loop]
            if loop is None:
                _settle(jobs)
            elif not loop.is_closed():
                loop.call_soon_threadsafe(_settle, jobs)

    def _transact(self, group: Sequence[_Job[Any]]) -> None:
        with self.database.write() as connection:
            draft = Draft(connection, self.clock())
            slots = [slot for job in group for slot in job.reads]
            for table in dict.fromkeys(table for table, _ in slots):
                draft.prefetch(table, [key for owner, key in slots if owner is table])
            for job in group:
                job.attempt(draft)
            draft.flush()

    def watch(self, callback: Callable[[], None]) -> None:
        """Call back, in the writer's thread, after each commit of this process."""
        with self._watching:
            self._watchers.append(callback)

    def unwatch(self, callback: Callable[[], None]) -> None:
        with self._watching:
            self._watchers.remove(callback)

    def _announce(self) -> None:
        with self._watching:
            for callback in self._watchers:
                callback()

    def close(self) -> None:
        """Finish what is waiting, then stop the writer."""
        self._writer.shutdown(wait=True)
        self._isolated.shutdown(wait=True)


def read_head(connection: Connection) -> Row:
    return dict(connection.execute(select(HEAD)).mappings().one())


def read_entries(connection: Connection, after: int, types: Sequence[str] = (), limit: int = 500) -> list[Entry]:
    """Entries with seq > after, in order. Safe as a cursor: seq is gap-free in commit order, so nothing appears behind it."""
    wanted = _page(tuple(types), limit)
    return [Entry.model_construct(**row) for row in connection.execute(wanted, {"after": after}).mappings()]


@lru_cache(64)
def _page(types: tuple[str, ...], limit: int) -> Select[Any]:
    return select(ENTRIES).where(within_reach(types, limit)).order_by(ENTRIES.c.seq).limit(limit)


def within_reach(types: Sequence[str], number: int) -> ColumnElement[bool]:
    """Which entries after the seq `after`, a parameter, to look at for the next `number` of these types; of none where there are none.
    To be made once: for some twenty types it takes longer to say than to find.

    The types' index finds the first of them at once, however far away it is. It does not find the others: it would sort all that is left
    of the ledger for every page. They are looked for along the ledger, not further than a few pages.
    """
    after = bindparam("after", type_=BIG)
    if not types:
        return ENTRIES.c.seq > after
    firsts = union_all(
        *(select(func.min(ENTRIES.c.seq).label("seq")).where(ENTRIES.c.type == kind, ENTRIES.c.seq > after) for kind in types)
    ).subquery()
    first = select(func.min(firsts.c.seq)).scalar_subquery()
    return ENTRIES.c.seq.between(first, first + REACH * number) & of_types(types)


def of_types(types: Sequence[str]) -> ColumnElement[bool]:
    """Where another index is the right one: SQLite would take the types', and read every entry that there ever was of them."""
    return ENTRIES.c.type.concat("").in_(types)


def export(connection: Connection, page: int = 5_000) -> Iterator[bytes]:
    """Every entry as the verifier reads it, made from the columns anew, so that a changed column shows."""
    after = 0
    while entries := read_entries(connection, after, limit=page):
        yield from (line_of(entry) for entry in entries)
        after = entries[-1].seq


def line_of(entry: Entry) -> bytes:
    fields = entry.model_dump()
    digest = fields.pop("digest")
    return b"".join((PREFIX, digest.encode(), MIDDLE, canonical(fields), b"}"))
