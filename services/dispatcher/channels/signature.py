"""Signatures of Standard Webhooks (standardwebhooks.com, specification 1.0.0), symmetric variant."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

from services.errors import Misconfigured

PREFIX = "whsec_"


def read_secret(text: str) -> bytes:
    """The key in `whsec_<base64 of 24 to 64 bytes>`. Raises Misconfigured, which never quotes the secret."""
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise Misconfigured("A webhook secret must read whsec_ followed by 24 to 64 random bytes in base64.")
    return key


def sign(keys: Iterable[bytes], delivery_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one `v1,` signature per live key, separated by spaces."""
    signed = f"{delivery_id}.{timestamp}.".encode("ascii") + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii") for key in keys)
