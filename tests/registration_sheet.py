"""The sheet for EHR teams in docs/deployment.md, from what discovery and the tables say.

`python -m tests.registration_sheet` (part of `make golden`) writes it; tests/test_docs.py holds it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from cds_service.assessment.recommend.registry import TOPICS
from cds_service.chart.concepts import Concepts
from cds_service.fhir.queries import query_templates
from cds_service.hooks.services import discovery
from tests.cases import tables

DOCUMENT = Path(__file__).parents[1] / "docs" / "deployment.md"
BEGIN, END = "<!-- sheet -->\n", "<!-- /sheet -->"
ROOT = "https://cds.hospital.example.org"


def sheet() -> str:
    """The whole sheet as Markdown."""
    return "\n".join([*_addresses(), *_access(), *_prefetch(), *_codes()]) + "\n"


def _addresses() -> Iterator[str]:
    services = discovery({})["services"]
    yield "| what | value |"
    yield "|---|---|"
    yield "| standard | CDS Hooks 2.0 (requests of 1.0 to the 3.0 ballot are read), FHIR R4 |"
    yield f"| discovery | `GET {ROOT}/cds-services` |"
    for service in services:
        yield f"| {service['hook']} | `POST {ROOT}/cds-services/{service['id']}` |"
    yield f"| feedback | `POST {ROOT}/cds-services/<id of the service>/feedback` |"
    yield "| time | answers within some 5 s at worst, mostly in well under one: wait 8 s or more |"
    yield "| when to fire | patient-view: adult inpatients; order hooks: orders for medicines |"
    yield "| order hooks | `draftOrders` is needed: without it there is nothing to check |"
    yield ""


def _access() -> Iterator[str]:
    queries = query_templates(_concepts()).values()
    asked = {query.partition("?")[0].partition("/")[0] for query in queries}
    types = sorted(asked | {"Medication"})  # which orders and administrations refer to
    yield "**Who is calling.** A JWT as `Authorization: Bearer` on every call, discovery and"
    yield "feedback included: `alg` ES384 or RS384, `kid`, `iss`, `iat`, `exp` (at most 1 h), `jti`"
    yield "(each once), `aud` the exact URL called, or a value agreed beforehand."
    yield ""
    yield "**Scopes** of the access token in `fhirAuthorization`; none are needed if every prefetch"
    yield "key is supplied. SMART v1:"
    yield ""
    yield f"    {' '.join(f'patient/{kind}.read' for kind in types)}"
    yield ""
    yield "SMART v2:"
    yield ""
    yield f"    {' '.join(f'patient/{kind}.rs' for kind in types)}"
    yield ""


def _prefetch() -> Iterator[str]:
    yield "**Prefetch**, the same for all three services. Other key names are read too, if the"
    yield "query is the same. Local codes of a site file appear in the queries: then print this"
    yield "sheet from your own `GET /cds-services`."
    for key, template in query_templates(_concepts()).items():
        yield from ["", f"`{key}`:", "", f"    {template}"]
    yield ""


def _codes() -> Iterator[str]:
    wording = tables().wording
    system = wording.source["topic_system"]
    yield f"**Topics** (`source.topic`, system `{system}`), stable, letters only:"
    yield ", ".join(f"`{topic}`" for topic in TOPICS) + "."
    yield ""
    yield f"**Override reasons**, system `{wording.source['override_system']}`:"
    yield ", ".join(f"`{code}` ({text})" for code, text in wording.overrides.items()) + "."


def _concepts() -> Concepts:
    return tables().concepts


def main() -> int:
    """Write the sheet into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    DOCUMENT.write_text(f"{head}{BEGIN}\n{sheet()}\n{END}{tail}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
