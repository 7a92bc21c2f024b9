"""What is asked about a patient: one query per row of the table of concepts, made once at start.

Its template is advertised as prefetch, in the portable subset of CDS Hooks: no dates and no
`draftOrders` tokens, since windows are applied by the service. The same text, filled in, is what
the service asks a FHIR server itself. https://cds-hooks.hl7.org/2.0/#prefetch-template
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, quote

from cds_service.chart.concepts import Code, Concepts, Query

PATIENT = "{{context.patientId}}"
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
        path, query = path.replace(PATIENT, in_path), query.replace(PATIENT, in_query)
        return path + mark + query

    def plain_url(self, patient_id: str) -> str:
        """The same without `_sort`, `_include` and `_count`, which some servers refuse."""
        path, mark, query = self.url(patient_id).partition("?")
        kept = [part for part in query.split("&") if part.partition("=")[0] not in _REFUSABLE]
        return path + mark + "&".join(kept)

    def since(self, now: datetime) -> datetime | None:
        """The start of what matters, or None if everything does."""
        return None if self.window_hours is None else now - timedelta(hours=self.window_hours)


def fhir_queries(concepts: Concepts) -> tuple[FhirQuery, ...]:
    """Every query of the table, with its prefetch template; Observations are filtered by code."""
    return tuple(_query(key, query, concepts) for key, query in concepts.queries.items())


def query_templates(concepts: Concepts) -> dict[str, str]:
    """The prefetch templates by key, as discovery advertises them."""
    return {query.key: query.template for query in fhir_queries(concepts)}


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


def _query(key: str, row: Query, concepts: Concepts) -> FhirQuery:
    codes = tuple(_codes(key, concepts))
    count = row.params.get("_count", "")
    return FhirQuery(
        key=key,
        template=_template(row, [_token(code, concepts) for code in codes]),
        resource=row.resource,
        codes=frozenset(code.code for code in codes),
        count=int(count) if count.isdigit() else None,
        window_hours=row.window_hours,
    )


def _template(row: Query, tokens: Sequence[str]) -> str:
    """Plain text, not URL-encoded: clients fill in the patient and encode as they need."""
    if row.resource == "Patient":
        return f"Patient/{PATIENT}"
    params = [f"patient={PATIENT}", *([f"code={','.join(tokens)}"] if tokens else [])]
    params += [f"{name}={value}" for name, value in row.params.items()]
    return f"{row.resource}?{'&'.join(params)}"


def _codes(key: str, concepts: Concepts) -> Iterator[Code]:
    for observation in concepts.observations.values():
        if observation.query == key:
            yield from (code for code in observation.codes if code.matched)


def _token(code: Code, concepts: Concepts) -> str:
    """`system|code`; only what would break the query is escaped, so LOINC stays readable."""
    return f"{concepts.systems[code.system][0]}|{quote(code.code, safe=':/()')}"


def _escape(patient_id: str) -> str:
    """FHIR gives `, | $` a meaning in search values; in an id they have none."""
    return "".join("\\" + c if c in "\\,|$" else c for c in patient_id)
