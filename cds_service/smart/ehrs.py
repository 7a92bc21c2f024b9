"""The EHRs that may launch the app, and by what each is answered.

An EHR is told by the FHIR base (`iss`) that the launch names: exactly the bases by which it may be
called, so that the app answers by the same tables as its cards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo

from cds_service.advice import Rulebook
from cds_service.cards.card import ClientCapabilities
from cds_service.fhir.queries import FhirQuery
from cds_service.outbound.base_url import Address


@dataclass(frozen=True, slots=True)
class LaunchingEhr:
    """One EHR: its FHIR bases, its client id for the app, and its practice."""

    name: str
    address_of: Callable[[str], Address | None]  # of a URL that is one of its FHIR bases
    client_id: str
    origins: tuple[str, ...]  # CSP sources of its FHIR bases: "https://fhir.example.org"
    rulebook: Rulebook
    queries: tuple[FhirQuery, ...]
    zone: tzinfo | None  # of times that the record gives without one
    capabilities: ClientCapabilities

    @property
    def resource_types(self) -> tuple[str, ...]:
        """What the app asks to read; medicines are looked up where they are only referred to."""
        return tuple(dict.fromkeys((*(query.resource for query in self.queries), "Medication")))


def ehr_of(ehrs: Iterable[LaunchingEhr], iss: str) -> LaunchingEhr | None:
    """The EHR whose FHIR base this is; None for a stranger's."""
    return next((ehr for ehr in ehrs if ehr.address_of(iss)), None)


def queries_told(ehr: LaunchingEhr) -> Mapping[str, Mapping[str, object]]:
    """What the browser has to ask: the prefetch templates, and how far back each matters (h)."""
    return {
        query.key: {"template": query.template, "hours": query.window_hours}
        for query in ehr.queries
    }
