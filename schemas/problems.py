"""What went wrong, as RFC 9457 tells it."""

from pydantic import BaseModel


class Fault(BaseModel):
    """One thing to mend. `pointer`: `#/title` for a field of the body (RFC 6901), `query/limit`, `header/...` or `path/...` elsewhere."""

    pointer: str
    detail: str
    code: str


class Problem(BaseModel):
    """Why a request was not done. `type` leads to what to do about it; `request_id` is in the log as well."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[Fault] | None = None
