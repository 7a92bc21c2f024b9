"""The service with the app switched on, and the requests its page makes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from tests.cases import cases
from tests.service import Service, prefetch_of

ISS = "http://localhost/demo/fhir"
OWN = {"Origin": "http://localhost"}
CASE = "01-antithrombin-dose"

Json = dict[str, Any]


def with_smart(folder: Path, name: str = CASE, **changes: Any) -> Service:
    """The service at the time of a fixture, the app switched on."""
    return at_time_of(Service(folder, **{"smart": True, **changes}), name)


def at_time_of(service: Service, name: str = CASE) -> Service:
    """The same service, its clock set to the present of a fixture."""
    service.now = cases()[name].now
    return service


def patient_of(name: str = CASE) -> str:
    return str(cases()[name].request["context"]["patientId"])


def own_prefetch(name: str = CASE) -> Json:
    """What an EHR sends for a fixture, free to be changed."""
    return copy.deepcopy(prefetch_of(name))


def body_of(name: str = CASE, **changes: Any) -> Json:
    """What the page posts for a fixture; a change to None leaves the field out."""
    body = {"iss": ISS, "patient": patient_of(name), "prefetch": own_prefetch(name)} | changes
    return {key: value for key, value in body.items() if value is not None}


def view(service: Service, name: str = CASE, **changes: Any) -> Any:
    """The answer to the page's own request."""
    return service.client.post("/smart/view", json=body_of(name, **changes), headers=OWN)
