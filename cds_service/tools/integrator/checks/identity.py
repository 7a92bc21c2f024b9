"""Who is let in: https://cds-hooks.hl7.org/2.0/#trusting-cds-clients"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from cds_service.tools.integrator.calling import request_of
from cds_service.tools.integrator.checks.outcome import CheckOutcome, held, skipped, status
from cds_service.tools.integrator.checks.subject import CheckSubject
from cds_service.tools.integrator.identity import Identity
from cds_service.tools.integrator.service import ServiceResponse

AREA = "Identity (JWT)"
HOOK = "order-select"
HOURS_AGO = 7200
# A refusal must not help to guess.
REASONS = ("signature", "expired", "audience", "issuer", "jti", "algorithm", "kid", "jwks")


def identity_checks(subject: CheckSubject) -> Iterator[CheckOutcome]:
    """Refused without a good token, let in with one, once."""
    identity = subject.service.identity
    if identity is None:
        why = "give --client-key, --issuer and --jku (or --kid)"
        yield skipped(AREA, "only registered clients are let in", why)
        return
    yield from _without_token(subject)
    for what, token in _bad_tokens(identity, subject.service.url()):
        yield status(AREA, what, _discover(subject, token).status, 401)
    good = identity.token(subject.service.url())
    yield status(AREA, "good token", _discover(subject, good).status, 200)
    yield status(AREA, "the same token again", _discover(subject, good).status, 401)
    called = subject.call(HOOK, prefetch={})
    yield status(AREA, "good token, a call", called.status, 200)


def _without_token(subject: CheckSubject) -> Iterator[CheckOutcome]:
    service = subject.service
    refused = _discover(subject, "")
    yield status(AREA, "no token: discovery", refused.status, 401)
    body = request_of(HOOK, subject.patient.context(HOOK))
    call = service.ask("POST", subject.url(HOOK), _json(body), token="")
    yield status(AREA, "no token: a call", call.status, 401)
    url = subject.url(HOOK, "feedback")
    feedback = service.ask("POST", url, _json({"feedback": []}), token="")
    yield status(AREA, "no token: feedback", feedback.status, 401)
    told = [reason for reason in REASONS if reason in refused.text.lower()]
    yield held(AREA, "the refusal gives no reason", not told, ", ".join(told))


def _bad_tokens(identity: Identity, url: str) -> Iterator[tuple[str, str]]:
    past = int(time.time()) - HOURS_AGO
    yield "bad signature", identity.forged(url)
    yield 'algorithm "none"', identity.unsigned(url)
    yield "made out to somebody else", identity.token(url, aud="https://elsewhere.example.org")
    yield "expired", identity.token(url, iat=past, exp=past + 300)
    yield "another issuer", identity.token(url, iss="https://elsewhere.example.org")


def _discover(subject: CheckSubject, token: str) -> ServiceResponse:
    return subject.service.ask("GET", subject.service.url(), token=token)


def _json(body: object) -> bytes:
    return json.dumps(body).encode()
