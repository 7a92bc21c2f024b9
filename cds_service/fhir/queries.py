"""What is asked about a patient: each query's template, taken apart once at start.

The templates are advertised as prefetch; the same text is what we ask a FHIR server ourselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, quote

from cds_service.chart.concepts import Query

PATIENT_TOKEN = "{{context.patientId}}"  # noqa: S105 - a placeholder, no secret
_REFUSABLE = frozenset({"_sort", "_include", "_count"})


@dataclass(frozen=True, slots=True)
class FhirQuery:
    """One query: where it stands in prefetch, what it asks, how far back it matters."""

    key: str
    template: str
    resource: str
    codes: frozenset[str]  # empty: not filtered by code
    count: int | None  # resources per page
    window_hours: float | None  # None: all there is

    def url(self, patient_id: str) -> str:
        """The query about one patient, relative to a FHIR base."""
        path, mark, query = self.template.partition("?")
        in_path = quote(patient_id, safe="")
        in_query = quote(_escape(patient_id), safe="")
        path, query = path.replace(PATIENT_TOKEN, in_path), query.replace(PATIENT_TOKEN, in_query)
        return path + mark + query

    def plain_url(self, patient_id: str) -> str:
        """The same without `_sort`, `_include` and `_count`, which some servers refuse."""
        path, mark, query = self.url(patient_id).partition("?")
        kept = [part for part in query.split("&") if part.partition("=")[0] not in _REFUSABLE]
        return path + mark + "&".join(kept)

    def since(self, now: datetime) -> datetime | None:
        """The start of what matters, or None if everything does."""
        return None if self.window_hours is None else now - timedelta(hours=self.window_hours)


def read_plan(templates: Mapping[str, str], queries: Mapping[str, Query]) -> tuple[FhirQuery, ...]:
    """All searches, from the prefetch templates and the table they were made from."""
    return tuple(
        _search(key, template, queries[key].window_hours) for key, template in templates.items()
    )


def codes_asked(url: str) -> frozenset[str]:
    """The codes a search URL filters by, without their systems; empty if it does not."""
    values = parse_qs(url.partition("?")[2]).get("code", [])
    tokens = (token for value in values for token in value.split(","))
    return frozenset(token.rpartition("|")[2] for token in tokens if token)


def filters(url: str) -> frozenset[str]:
    """The names of a search URL's parameters, without their modifiers."""
    return frozenset(
        name.partition(":")[0] for name in parse_qs(url.partition("?")[2], keep_blank_values=True)
    )


def _search(key: str, template: str, window_hours: float | None) -> FhirQuery:
    path, _, query = template.partition("?")
    count = parse_qs(query).get("_count", [""])[0]
    return FhirQuery(
        key=key,
        template=template,
        resource=path.split("/")[0],
        codes=codes_asked(template),
        count=int(count) if count.isdigit() else None,
        window_hours=window_hours,
    )


def _escape(patient_id: str) -> str:
    """FHIR gives `, | $` a meaning in search values; in an id they have none."""
    return "".join("\\" + c if c in "\\,|$" else c for c in patient_id)
