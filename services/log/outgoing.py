"""What the relay sends: ledger entries as CloudEvents 1.0 in Kafka's binary mode, and the complete records for on-call tools."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.entries import Entry
from schemas.records import Headers, Record
from schemas.routed import Links, RoutedTicket
from schemas.tickets import Ticket
from schemas.topics import DEADLETTER, TICKETS, routed
from services.lifecycle import HISTORY

CONCERNS_ITS_TEAM = ("TicketRouted", "TicketReclassified", "TicketReopened")
ROUTED_TICKET = RoutedTicket.__name__


def ce_type(name: str) -> str:
    return f"io.hypercare.{name}.v1"


def schema_uri(name: str) -> str:
    """The `$id` of the JSON Schema in schemas/exported."""
    return f"urn:hypercare:schema:{name}:v1"


@dataclass(frozen=True, slots=True)
class Stamp:
    """Makes records of entries. `url` names this installation: two of them may share a consumer. `systems` have a topic each."""

    url: str
    systems: Collection[str]

    def records(self, entry: Entry, ticket: Ticket | None) -> list[Record]:
        """`ticket` is the one that the entry is about, as the entry left it. On-call tools are not told of the past."""
        made = [self._event(entry, TICKETS.name)]
        if entry.type in DEADLETTER.records:
            made.append(self._event(entry, DEADLETTER.name))
        concerns_its_team = entry.type in CONCERNS_ITS_TEAM and entry.role != HISTORY
        if concerns_its_team and ticket is not None and ticket.system in self.systems:
            made.append(self._routed(entry, ticket))
        return made

    def _event(self, entry: Entry, topic: str) -> Record:
        value = json.dumps(entry.data, ensure_ascii=False, separators=(",", ":")).encode()
        return Record(topic, _key(entry), value, self._headers(entry, entry.type, f"{self.url}/v1/ledger"))

    def _routed(self, entry: Entry, ticket: Ticket) -> Record:
        place = f"{self.url}/v1/tickets/{ticket.id}"
        told = RoutedTicket(
            event=entry.id,
            type=entry.type,
            actor=entry.actor,
            role=entry.role,
            reason=entry.reason,
            recorded_at=entry.recorded_at,
            ticket=ticket,
            links=Links(ticket=place, history=f"{place}/history"),
        )
        extra = {"ce_severity": ticket.severity, "ce_gxp": ticket.gxp, "ce_team": ticket.team}
        headers = self._headers(entry, ROUTED_TICKET, f"{self.url}/v1/routed/{ticket.system}", extra)
        return Record(routed(str(ticket.system)), _key(entry), told.model_dump_json().encode(), headers)

    def _headers(self, entry: Entry, name: str, source: str, extra: Mapping[str, str | None] | None = None) -> Headers:
        """Attributes beside the standard's own are extensions: partitionkey, recordedtime and causationid are documented ones."""
        attributes: dict[str, str | int | None] = {
            "ce_specversion": "1.0",
            "ce_id": entry.id,
            "ce_source": source,
            "ce_type": ce_type(name),
            "ce_time": _rfc3339(entry.occurred_at),
            "ce_subject": entry.ticket,
            "ce_dataschema": schema_uri(name),
            "ce_partitionkey": _key(entry).decode(),
            "ce_recordedtime": _rfc3339(entry.recorded_at),
            "ce_causationid": entry.cause,
            "ce_ledgerseq": entry.seq,
            "ce_ledgerdigest": entry.digest,
            "ce_ticketversion": entry.ticket_version or None,
            "ce_site": entry.site,
            "ce_actor": entry.actor,
            "ce_actorrole": entry.role,
            "ce_reason": entry.reason,
            "content-type": "application/json",
            "traceparent": entry.traceparent,
        } | dict(extra or {})
        return tuple((header, str(value).encode()) for header, value in attributes.items() if value is not None)


def _key(entry: Entry) -> bytes:
    return (entry.ticket or entry.id).encode()


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
