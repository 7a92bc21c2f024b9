"""The questions to a FHIR server, as prefetch templates in the portable subset of CDS Hooks.

Plain text, not URL-encoded: clients fill in the token and encode as they need. No dates and no
`draftOrders` tokens: the windows are applied by us.
https://cds-hooks.hl7.org/2.0/#prefetch-template
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from cds_service.chart.concepts import Code, Concepts, Query

PATIENT = "{{context.patientId}}"


def query_urls(concepts: Concepts) -> dict[str, str]:
    """Every query's template by its key; Observations are filtered by our codes."""
    return {key: _template(key, query, concepts) for key, query in concepts.queries.items()}


def _template(key: str, query: Query, concepts: Concepts) -> str:
    if query.resource == "Patient":
        return f"Patient/{PATIENT}"
    tokens = ",".join(_tokens(key, concepts))
    params = [f"patient={PATIENT}", *([f"code={tokens}"] if tokens else [])]
    params += [f"{name}={value}" for name, value in query.params.items()]
    return f"{query.resource}?{'&'.join(params)}"


def _tokens(key: str, concepts: Concepts) -> Iterator[str]:
    for observation in concepts.observations.values():
        if observation.query == key:
            yield from (_token(code, concepts) for code in observation.codes if code.matched)


def _token(code: Code, concepts: Concepts) -> str:
    """`system|code`; only what would break the query is escaped, so LOINC stays readable."""
    return f"{concepts.systems[code.system][0]}|{quote(code.code, safe=':/()')}"
