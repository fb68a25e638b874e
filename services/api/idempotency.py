"""Idempotency-Key: a quoted structured-field string as in draft-ietf-httpapi-idempotency-key-header-07, or bare."""

import re
from typing import Annotated

from fastapi import Header
from pydantic import AfterValidator, StringConstraints

LONGEST_KEY = 255


def _unquoted(key: str) -> str:
    quoted = len(key) >= 2 and key[0] == key[-1] == '"'
    bare = re.sub(r"\\(.)", r"\1", key[1:-1]) if quoted else key
    if not 1 <= len(bare) <= LONGEST_KEY:
        raise ValueError(f"needs 1 to {LONGEST_KEY} characters")
    return bare


Key = Annotated[str, StringConstraints(pattern=r"^[ -~]+$", min_length=1, max_length=2 * LONGEST_KEY), AfterValidator(_unquoted)]
IdempotencyKey = Annotated[
    Key | None,
    Header(
        alias="Idempotency-Key",
        description="the same key and body again answer with the same ticket; keys are remembered for as long as the ticket",
    ),
]
