"""Every topic of Kafka, once: topics are created from here, and AsyncAPI, compose and Kubernetes resources are made from here."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DAY_MS = 24 * 60 * 60 * 1000
SYSTEM = "<system>"


class Topic(BaseModel):
    """`direction` as hypercare sees it: "in" is read, "out" is written. `key`: what keeps records in one partition, and so in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_.<>-]+\.v[1-9][0-9]*$")
    direction: Literal["in", "out"]
    key: str
    records: tuple[str, ...]
    owner: str
    description: str
    partitions: int = Field(6, ge=1)
    retention_ms: int = Field(14 * DAY_MS, ge=DAY_MS)
    cleanup: Literal["delete"] = "delete"
    compression: Literal["producer", "gzip"] = "producer"

    @property
    def settings(self) -> dict[str, str]:
        """As Kafka calls them. A compression of our own: what other systems send is stored so that the intake can read it."""
        return {"cleanup.policy": self.cleanup, "retention.ms": str(self.retention_ms), "compression.type": self.compression}


INTAKE = Topic(
    name="hypercare.intake.v1",
    direction="in",
    key="any; records of one key are taken in in their order",
    records=("Submission",),
    owner="the systems that report tickets",
    description="Tickets from other systems: CloudEvents 1.0 in binary or structured mode, or plain JSON.",
    retention_ms=7 * DAY_MS,
    compression="gzip",
)
TICKETS = Topic(
    name="hypercare.tickets.v1",
    direction="out",
    key="ticket id; the entry's id where an entry belongs to no ticket",
    records=("*",),
    owner="hypercare",
    description="Every entry of the ledger, once or more often, in the ledger's order per ticket.",
)
ROUTED = Topic(
    name=f"hypercare.routed.{SYSTEM}.v1",
    direction="out",
    key="ticket id",
    records=("RoutedTicket",),
    owner="hypercare",
    description="Tickets that this system's team is responsible for, complete in one record, with the severity in a header.",
)
DEADLETTER = Topic(
    name="hypercare.deadletter.v1",
    direction="out",
    key="ticket id; the entry's id where an entry belongs to no ticket",
    records=("RecordQuarantined", "EventParked", "NotificationFailed"),
    owner="hypercare",
    description="What could not be dealt with and waits for a person; `hypercare dlq` lists, replays and discards it.",
    retention_ms=90 * DAY_MS,
)


def routed(system: str) -> str:
    return ROUTED.name.replace(SYSTEM, system)


def manifest(systems: Sequence[str]) -> tuple[Topic, ...]:
    """Every topic of an installation that routes to these systems."""
    each = (ROUTED.model_copy(update={"name": routed(system)}) for system in systems)
    return (INTAKE, TICKETS, *each, DEADLETTER)
