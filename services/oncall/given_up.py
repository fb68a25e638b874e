"""What the deliveries say of a target: that the last message to it was given up."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from schemas.tables import DELIVERIES, LETTERS
from services.oncall.configured import veiled

LOOKED_BACK = timedelta(days=14)
TARGET = (DELIVERIES.c.channel, DELIVERIES.c.address)


def given_up(connection: Connection, now: datetime) -> dict[tuple[str, str], str]:
    """Why a target (channel, address) would not be reached: within 14 days a message was given up, and none has arrived since."""
    since = now - LOOKED_BACK
    arrivals = select(*TARGET, func.max(DELIVERIES.c.sent_at)).where(DELIVERIES.c.state == "sent", DELIVERIES.c.sent_at > since)
    arrived = {(channel, address): at for channel, address, at in connection.execute(arrivals.group_by(*TARGET))}
    told = select(*TARGET, DELIVERIES.c.id, DELIVERIES.c.error, LETTERS.c.arrived_at).join(LETTERS, LETTERS.c.id == DELIVERIES.c.id)
    dead = told.where(DELIVERIES.c.state == "dead", LETTERS.c.arrived_at > since).order_by(LETTERS.c.arrived_at)
    return {
        (channel, address): _fault(f"{channel}:{address}", identity, error, at)
        for channel, address, identity, error, at in connection.execute(dead)
        if at > arrived.get((channel, address), since)
    }


def _fault(target: str, delivery: str, error: str, at: datetime) -> str:
    why = error.rstrip(".")
    mended = f"when that is mended, `hypercare dlq replay {delivery}`"
    return f"the last message to {veiled(target)} on {at:%d %b %H:%M} UTC was given up: {why}; {mended}"
