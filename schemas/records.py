"""A record as it goes to Kafka, and as it comes from there: bytes, so that nothing but our own code can stumble over them."""

from dataclasses import dataclass

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Record:
    topic: str
    key: bytes
    value: bytes
    headers: Headers


@dataclass(frozen=True, slots=True)
class Received:
    """`timestamp` is in milliseconds since 1970: with it a place stays unique even where a topic was made anew."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
