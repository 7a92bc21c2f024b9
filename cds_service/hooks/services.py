"""The services on the wire: what discovery lists and calls name. https://cds-hooks.hl7.org/2.0/"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.errors import UnknownService


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of the discovery answer."""

    id: str
    hook: str
    title: str
    description: str


_USAGE = (
    "Works on prefetch alone if every key is supplied; asks the FHIR server for keys that are"
    " missing, failed or cut off (scopes: read and search of the resource types in prefetch)."
    " Where neither gives the deciding facts, a card says so."
)

SERVICES: Mapping[str, Service] = {
    service.id: service
    for service in (
        Service(
            id="heparin-patient-view",
            hook="patient-view",
            title="Heparin resistance: chart opened",
            description="For adults on treatment-dose unfractionated heparin: tells when heparin"
            " is failing, why it may be, and what the protocol advises next.",
        ),
        Service(
            id="heparin-order-select",
            hook="order-select",
            title="Heparin resistance: order chosen",
            description="When heparin, antithrombin or another anticoagulant is chosen: checks"
            " dose, antithrombin, anti-Xa and signs of HIT against the protocol.",
        ),
        Service(
            id="heparin-order-sign",
            hook="order-sign",
            title="Heparin resistance: order signed",
            description="Last check of drafted heparin, antithrombin and other anticoagulant"
            " orders before they are signed.",
        ),
    )
}


def find_service(service_id: str) -> Service:
    """The service of this id."""
    service = SERVICES.get(service_id)
    if service is None:
        raise UnknownService("There is no such service; discovery lists those there are.", "id")
    return service


def discovery(templates: Mapping[str, str]) -> dict[str, Any]:
    """The answer to `GET /cds-services`."""
    return {
        "services": [
            {
                "id": service.id,
                "hook": service.hook,
                "title": service.title,
                "description": service.description,
                "usageRequirements": _USAGE,
                "prefetch": dict(templates),
            }
            for service in SERVICES.values()
        ]
    }
