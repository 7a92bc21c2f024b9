"""Everything that can go wrong and that somebody can act on.

HeparinCdsError
├── StartRefused          the operator: settings or tables are wrong; every fault is listed
├── RequestRefused        the caller: named field, plain words
│   ├── MalformedRequest      not JSON, or a field is missing or of the wrong type
│   ├── WrongMediaType        the body is declared to be something else than JSON
│   ├── BodyTooLarge          more than we read
│   ├── UnknownService        no service of this id
│   ├── UnknownCard           feedback on a card that this client was never shown
│   ├── NotAuthenticated      no JWT we accept; the caller is never told why
│   ├── FactsUnavailable      nothing of medicines could be had from anywhere
│   ├── Busy                  the process holds as much as it may; for a moment
│   └── TookTooLong           the time of the call is over before it could be answered
├── FhirFault             one query to a FHIR server failed; ends as a state, never as an answer
├── UnreadableJson        text that is not JSON, or nested beyond reason
└── NotStored             the database did not take what must not be lost

The HTTP status of each stands in one table, in `web/errors.py`. No message holds patient data.
"""

# ruff: noqa: N818 - the names say what happened, as the tree above reads
from __future__ import annotations

from collections.abc import Iterable


class HeparinCdsError(Exception):
    """The root of our own errors."""


class StartRefused(HeparinCdsError):
    """The service must not start; `faults` lists everything that is wrong."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"- {fault}" for fault in self.faults))


class RequestRefused(HeparinCdsError):
    """A call that is not answered with cards; `field` says what the caller has to look at."""

    def __init__(self, message: str, field: str = "") -> None:
        self.message = message
        self.field = field
        super().__init__(message)


class MalformedRequest(RequestRefused):
    """The body cannot be read as a call of this service."""


class WrongMediaType(RequestRefused):
    """The body is declared as something else than JSON."""


class BodyTooLarge(RequestRefused):
    """The body is longer than the service reads."""


class UnknownService(RequestRefused):
    """No service has the id that was called."""


class UnknownCard(RequestRefused):
    """Feedback names a card that did not go to the client who sends it."""


class NotAuthenticated(RequestRefused):
    """The caller showed no token we accept; `reason` is for our log only."""

    def __init__(self, reason: str) -> None:
        super().__init__("Authentication is required.")
        self.reason = reason


class FactsUnavailable(RequestRefused):
    """Neither prefetch nor a FHIR server gave anything of the patient's medicines."""


class Busy(RequestRefused):
    """Other calls take all the memory there is; the same call may be made again."""

    def __init__(self) -> None:
        super().__init__("The service has no room for this call at the moment; call again.")


class TookTooLong(RequestRefused):
    """Nobody waits any more for what would be answered."""

    def __init__(self) -> None:
        super().__init__("The call took longer than this service works on one.")


class FhirFault(HeparinCdsError):
    """One query to a FHIR server failed; the text is for people and names no patient.

    `status` is the HTTP status where the server answered with another one than 200, else 0.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


class UnreadableJson(HeparinCdsError):
    """Text that is not JSON, or is nested too deeply to be handled."""


class NotStored(HeparinCdsError):
    """The database did not take a record that must not be lost silently."""
