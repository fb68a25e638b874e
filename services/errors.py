"""Everything that hypercare refuses or cannot do, in one tree. The docstring is the title people see; the argument is the detail.

HypercareError                      status  retry
├── Misconfigured                     500     no
├── Unavailable                       503    yes
├── Invalid                           422     no
│   └── KeyReused                     422     no
├── NotFound                          404     no
├── Forbidden                         403     no
├── Unauthenticated                   401     no
├── Conflict                          409     no
│   ├── Refused                       409     no
│   └── InFlight                      409    yes
├── Stale                             412     no
├── VersionRequired                   428     no
├── TooLarge                          413     no
└── UnsupportedMediaType              415     no
"""

from typing import ClassVar


class HypercareError(Exception):
    """hypercare could not do this"""

    status: ClassVar[int] = 500
    retry: ClassVar[bool] = False

    @property
    def title(self) -> str:
        return (type(self).__doc__ or "").strip()

    @property
    def code(self) -> str:
        """Kebab-case name: the anchor of the error in docs/errors.md."""
        name = type(self).__name__
        return "".join(f"-{letter.lower()}" if letter.isupper() and place else letter.lower() for place, letter in enumerate(name))


class Misconfigured(HypercareError):
    """The configuration is not usable"""


class Unavailable(HypercareError):
    """A part that hypercare depends on does not answer"""

    status = 503
    retry = True


class Invalid(HypercareError):
    """The request is understood, but its content is not acceptable"""

    status = 422


class KeyReused(Invalid):
    """This Idempotency-Key was used before with another body"""


class NotFound(HypercareError):
    """There is no such thing here"""

    status = 404


class Forbidden(HypercareError):
    """Your role may not do this"""

    status = 403


class Unauthenticated(HypercareError):
    """An API key is needed"""

    status = 401


class Conflict(HypercareError):
    """This cannot be done at the moment"""

    status = 409


class Refused(Conflict):
    """The state that it is in does not allow this"""


class InFlight(Conflict):
    """A request with the same Idempotency-Key is still being worked on"""

    retry = True


class Stale(HypercareError):
    """Somebody changed the ticket since you read it"""

    status = 412


class VersionRequired(HypercareError):
    """A change needs the version you have seen"""

    status = 428


class TooLarge(HypercareError):
    """The request is larger than hypercare accepts"""

    status = 413


class UnsupportedMediaType(HypercareError):
    """This content type is not accepted here"""

    status = 415
