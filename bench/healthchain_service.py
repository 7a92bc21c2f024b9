"""The same question to HealthChain (PyPI), by its FHIR adapter; runs in an environment of its own,
which `make healthchain` installs.
"""

from __future__ import annotations

from healthchain.gateway import CDSHooksService, HealthChainAPI
from healthchain.io import CdsFhirAdapter
from healthchain.models import CDSRequest, CDSResponse

WANTED = frozenset({"14979-9", "3274-8", "27811-9"})

app = HealthChainAPI(title="bench")
service = CDSHooksService()


@service.hook("patient-view", id="bench", title="bench")
def bench(request: CDSRequest) -> CDSResponse:
    """Count the wanted results, as models."""
    document = CdsFhirAdapter(hook_name="patient-view").parse(request)
    bundles = [
        document.fhir.get_prefetch_resources(key) for key in ("coagulation", "blood", "body")
    ]
    found = [entry.resource for bundle in bundles for entry in bundle.entry or ()]
    count = sum(any(coding.code in WANTED for coding in one.code.coding) for one in found)
    card = {"summary": "bench", "indicator": "info", "source": {"label": "bench"}}
    return CDSResponse(cards=[card | {"detail": f"{count} results"}])


app.register_service(service, path="/cds")
