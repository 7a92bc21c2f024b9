"""Where resources lie, and which Medication a reference means.

A reference to another server's Medication never leads to the one of the same id on our server.
https://hl7.org/fhir/R4/bundle.html#references
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cds_service.chart.fhir_datetime import read_instant
from cds_service.chart.fhir_json import Reference, each, member, place, reference, text
from cds_service.chart.query_result import Resource

_MEDICATION = "Medication"
REFERRING = ("MedicationAdministration", "MedicationRequest")


@dataclass(frozen=True, slots=True)
class Located:
    """The full URLs of resources, and the base URLs that are the patient's own server."""

    full_urls: Mapping[str, Resource] = field(default_factory=dict)
    bases: frozenset[str] = frozenset()

    def with_patients(self, resources: Iterable[Resource]) -> Located:
        """With every base URL that the patient's resources lie at, or name the patient by.

        One server may go by several names: a gateway's, and its own in what it sends.
        """
        at = (place(url).base for url, one in self.full_urls.items() if _type(one) != _MEDICATION)
        bases = {*at, *_subject_bases(resources)}
        own = {base for base in bases if base and not base.startswith("urn:")}
        return Located(self.full_urls, self.bases | own)


@dataclass(frozen=True, slots=True)
class Medications:
    """The Medications that came along, for looking up by reference."""

    by_id: Mapping[str, Resource] = field(default_factory=dict)  # of the patient's server
    by_url: Mapping[str, Resource] = field(default_factory=dict)  # wherever they lie
    bases: frozenset[str] = frozenset()
    at: Mapping[int, str] = field(default_factory=dict)  # base by the referring object's identity

    @staticmethod
    def of(medications: Iterable[Resource], located: Located) -> Medications:
        """Index them, so that a look-up costs the same however many came."""
        urls = {id(one): url for url, one in located.full_urls.items()}
        by_id: dict[str, Resource] = {}
        by_url: dict[str, Resource] = {}
        for one in medications:
            url = urls.get(id(one), "")
            if url:
                keep_latest(by_url, url, one)
            identity = _own_identity(one, url, located.bases)
            if identity:
                keep_latest(by_id, identity, one)
        at = {key: place(url).base for key, url in urls.items()}
        return Medications(by_id, by_url, located.bases, at)

    def find(self, points_at: Reference, holder: object = None) -> Resource | None:
        """The Medication a reference of some resource means; not one it contains."""
        if points_at.base.startswith("urn:"):
            return self.by_url.get(points_at.url) or self.by_id.get(points_at.id)
        if points_at.type != _MEDICATION:
            return None
        if points_at.base and points_at.base not in self.bases:
            return self.by_url.get(points_at.url)
        base = points_at.base or self.at.get(id(holder), "")
        exact = self.by_url.get(f"{base}/{_MEDICATION}/{points_at.id}")
        return exact or self.by_id.get(points_at.id)


def _subject_bases(resources: Iterable[Resource]) -> Iterator[str]:
    for one in resources:
        if _type(one) in REFERRING:
            yield from (reference(subject).base for subject in each(one.get("subject")))


def _own_identity(medication: Resource, url: str, bases: frozenset[str]) -> str:
    """The id of a Medication on the patient's own server; "" for one of another server."""
    where = place(url)
    on_server = bool(where.base) and not where.base.startswith("urn:")
    if on_server and bases and where.base not in bases:
        return ""
    return text(medication.get("id")) or (where.id if on_server else "")


def keep_latest(latest: dict[str, Resource], key: str, resource: Resource) -> None:
    """Keep the copy with the later `meta.lastUpdated`, then `versionId`."""
    other = latest.setdefault(key, resource)
    if other is not resource and _version(resource) > _version(other):
        latest[key] = resource


def fingerprint(resource: Resource) -> str:
    """The content as text: tells copies apart, whatever order they came in."""
    try:
        return json.dumps(resource, sort_keys=True, default=str)
    except (RecursionError, TypeError, ValueError):  # nested beyond reason, or no JSON at all
        return ""


def _version(resource: Resource) -> tuple[float, float, str]:
    updated = read_instant(member(resource, "meta", "lastUpdated"))
    number = text(member(resource, "meta", "versionId"))
    return (
        updated.timestamp() if updated else float("-inf"),
        float(number[:15]) if number.isascii() and number.isdigit() else -1.0,
        fingerprint(resource),  # so that the order they came in never decides
    )


def _type(resource: Resource) -> str:
    return text(member(resource, "resourceType"))
