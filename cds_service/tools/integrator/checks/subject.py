"""What a check works with: the service, its entries, the patient, and the EHR's side of things."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cds_service.tools.integrator.calling import request_of
from cds_service.tools.integrator.checks.patient import CheckPatient
from cds_service.tools.integrator.service import RemoteCdsService, ServiceResponse

Json = dict[str, Any]

HOOKS = ("patient-view", "order-select", "order-sign")
NOTHING_KNOWN = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "timeout", "diagnostics": "The query failed."}],
}


@dataclass(frozen=True, slots=True)
class CheckSubject:
    """The service under check."""

    service: RemoteCdsService
    patient: CheckPatient
    fhir: str  # base of the FHIR server on this machine
    fhir_is_known: bool  # whether the service may be asked to read from it
    origin: str = ""  # a browser client's; empty: not said
    entries: Mapping[str, Json] | None = None  # by hook

    def with_entries(self, rows: Iterable[Json]) -> CheckSubject:
        """The same, knowing what discovery said."""
        found: dict[str, Json] = {}
        for row in rows:
            if isinstance(row.get("hook"), str) and isinstance(row.get("id"), str):
                found.setdefault(row["hook"], row)
        return replace(self, entries=found)

    def url(self, hook: str, end: str = "") -> str:
        """Where a hook is served."""
        return self.service.url(str(self.entry(hook)["id"]), end)

    def entry(self, hook: str) -> Json:
        """What discovery says of a hook."""
        return (self.entries or {}).get(hook, {"id": f"heparin-{hook}"})

    def call(self, hook: str, *drafts: Json, **more: Any) -> ServiceResponse:
        """One call of a hook about the patient."""
        body = request_of(hook, self.patient.context(hook, *drafts), **more)
        return self.service.post(self.url(hook), body)
