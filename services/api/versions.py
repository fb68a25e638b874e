"""A ticket's version as HTTP speaks of it: ETag on the way out, If-Match on the way in (RFC 9110, 8.8.3 and 13.1.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Response

from schemas.tickets import Ticket
from services.blind import shown
from services.errors import Invalid, VersionRequired

_TAG = r'(?:W/)?"[0-9]{1,18}"|[0-9]{1,18}'
_LIST = re.compile(rf"(?:{_TAG})(?:\s*,\s*(?:{_TAG}))*")

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=500, description='the ETag of the ticket as you read it, for example "3"; * for whatever it is'),
]


def answer(ticket: Ticket, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The ticket as people may see it, with its version. Written out here because every answer of the desk is one."""
    return Response(shown(ticket).model_dump_json(), status, {"ETag": f'"{ticket.version}"', **(headers or {})}, "application/json")


@dataclass(frozen=True, slots=True)
class Seen:
    """The versions that a caller has seen; none given: any will do."""

    versions: frozenset[int] = frozenset()

    def at(self, current: int) -> int | None:
        """The version that `record` is to insist on: the current one where the caller saw it."""
        if not self.versions:
            return None
        return current if current in self.versions else max(self.versions)


def seen(if_match: str | None, required: bool) -> Seen:
    """`VersionRequired` where there is none but must be, `Invalid` where it cannot be read. A weak tag matches nothing."""
    if if_match is None and required:
        raise VersionRequired(
            "Send If-Match with the ETag of the ticket as you read it, so that no change of others is lost; * stands for any"
        )
    if if_match is None or if_match.strip() == "*":
        return Seen()
    if not _LIST.fullmatch(if_match.strip()):
        raise Invalid('If-Match holds the ETag of the ticket as you read it, for example "3", or *')
    strong = [tag.strip() for tag in if_match.split(",") if not tag.strip().startswith("W/")]
    return Seen(frozenset(int(tag.strip('"')) for tag in strong) or frozenset({0}))
