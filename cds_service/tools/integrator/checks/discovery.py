"""Discovery: https://cds-hooks.hl7.org/2.0/#discovery"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cds_service.tools.integrator.calling import templates_of
from cds_service.tools.integrator.checks.card_rules import empties
from cds_service.tools.integrator.checks.outcome import CheckOutcome, held
from cds_service.tools.integrator.checks.subject import HOOKS
from cds_service.tools.integrator.prefetching import USERS
from cds_service.tools.integrator.service import RemoteCdsService, ServiceResponse

AREA = "Discovery"
REQUIRED = ("hook", "description", "id")
TOKENS = {"context.userId", "context.patientId", "context.encounterId", *USERS}

_TOKEN = re.compile(r"\{\{\s*(.*?)\s*\}\}")


def discovery_checks(service: RemoteCdsService, answer: ServiceResponse) -> Iterator[CheckOutcome]:
    """Everything that can be said of the discovery answer."""
    yield held(AREA, "encrypted, or on this machine", service.is_private)
    asks = "it asks who calls: --client-key, --issuer and --jku (or --kid)"
    yield held(
        AREA,
        "answers 200",
        answer.status == 200,
        asks if answer.status == 401 else str(answer.status),
    )
    body = answer.json
    rows = body.get("services") if isinstance(body, dict) else None
    yield held(AREA, "an object with services", isinstance(rows, list))
    if isinstance(rows, list):
        yield from _rows(body, rows)


def _rows(body: Any, rows: list[Any]) -> Iterator[CheckOutcome]:
    whole = all(isinstance(row, dict) and _has_required(row) for row in rows)
    yield held(AREA, "each has hook, id, description", whole)
    if not whole:
        return
    missing = [hook for hook in HOOKS if hook not in {row["hook"] for row in rows}]
    yield held(AREA, "serves the three hooks", not missing, ", ".join(missing))
    ids = [row["id"] for row in rows]
    yield held(AREA, "ids are unique", len(set(ids)) == len(ids))
    yield held(AREA, "nothing empty", not list(empties(body)), "; ".join(empties(body)))
    yield from _templates(rows)


def _has_required(row: Any) -> bool:
    return all(isinstance(row.get(name), str) for name in REQUIRED)


def _templates(rows: list[Any]) -> Iterator[CheckOutcome]:
    templates = [t for row in rows for t in templates_of(row).values()]
    foreign = {token for t in templates for token in _TOKEN.findall(t)} - TOKENS
    yield held(AREA, "prefetch of plain tokens", not foreign, ", ".join(sorted(foreign)))
    absolute = [t for t in templates if "://" in t.partition("?")[0]]
    yield held(AREA, "prefetch relative to the FHIR base", not absolute, "; ".join(absolute))
