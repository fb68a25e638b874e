"""API keys: `hc_<id>_<secret>`. The file holds only the SHA-256 of the secret, which is enough for 256 random bits (OWASP ASVS 6.5.2)."""

import hmac
import json
import re
import secrets
import tomllib
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from schemas.words import Instant, Name, Slug
from services.errors import Misconfigured, Unauthenticated, Unavailable
from services.lifecycle import HISTORY

FORM = re.compile(r"hc_([a-z0-9-]{1,32})_([A-Za-z0-9_-]{22,128})")
OWN_ROLES = ("service", HISTORY)
OWN_ACTORS = tuple(f"{role}:" for role in OWN_ROLES)
RESERVED = f"Roles {', '.join(OWN_ROLES)} and actors {'..., '.join(OWN_ACTORS)}... are hypercare's own"
UNREADABLE = "Nobody can be let in: the API keys file is not readable at the moment; `hypercare doctor` says why"


class ApiKey(BaseModel):
    """Who holds the key, in which role, and until when."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    actor: Name
    role: Slug
    expires: Instant | None = None

    @model_validator(mode="after")
    def _is_not_hypercare(self) -> "ApiKey":
        if self.role in OWN_ROLES or self.actor.startswith(OWN_ACTORS):
            raise ValueError(f"{RESERVED}; name a person or a system")
        return self


class KeyFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    keys: tuple[ApiKey, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "KeyFile":
        if len({key.id for key in self.keys}) != len(self.keys):
            raise ValueError("two keys have the same id")
        return self


class KeyRing:
    """The keys of a file. It is looked at before every use, so that a key that was taken out is refused at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys = _read(path)
        self._seen = self._mark()

    def holder(self, token: str | None) -> ApiKey:
        self._refresh()
        form = FORM.fullmatch(token or "")
        if form is None:
            raise Unauthenticated("Send a key as Authorization: Bearer hc_...; `hypercare key` makes one")
        key = self._keys.get(form[1])
        matches = hmac.compare_digest(_digest(form[2]), key.sha256 if key else _digest(""))
        if key is None or not matches:
            raise Unauthenticated("This key is not valid; it may have been taken out of the keys file")
        if key.expires is not None and key.expires <= datetime.now(UTC):
            raise Unauthenticated("This key has expired; `hypercare key` makes a new one")
        return key

    def _refresh(self) -> None:
        mark = self._mark()
        if mark == self._seen:
            return
        try:
            self._keys, self._seen = _read(self.path), mark
        except Misconfigured as error:
            raise Unavailable(UNREADABLE) from error

    def _mark(self) -> tuple[int, int, int]:
        try:
            status = self.path.stat()
        except OSError as error:
            raise Unavailable(UNREADABLE) from error
        return status.st_mtime_ns, status.st_size, status.st_ino


def new_key(actor: str, role: str, expires: datetime | None = None) -> tuple[str, str]:
    """The key, to be handed over once, and its entry for the keys file (TOML), which does not hold the secret."""
    secret = secrets.token_urlsafe(32)
    fields = {"id": secrets.token_hex(4), "sha256": _digest(secret), "actor": actor, "role": role, "expires": expires}
    try:
        key = ApiKey.model_validate(fields)
    except ValidationError as error:
        raise Misconfigured(f"No key can be made: {_faults(error)}") from error
    until = [f"expires = {key.expires.isoformat()}"] if key.expires else []
    texts = [f"{name} = {json.dumps(getattr(key, name), ensure_ascii=False)}" for name in ("id", "sha256", "actor", "role")]
    return f"hc_{key.id}_{secret}", "\n".join(["[[keys]]", *texts, *until, ""])


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _read(path: Path) -> dict[str, ApiKey]:
    try:
        keys = KeyFile.model_validate(tomllib.loads(path.read_text("utf-8"))).keys
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"The API keys file {path} cannot be read: {error}") from error
    except ValidationError as error:
        raise Misconfigured(f"The API keys file {path} is not valid: {_faults(error)}") from error
    return {key.id: key for key in keys}


def _faults(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'key'}: {fault['msg']}" for fault in error.errors())
