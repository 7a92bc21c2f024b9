"""A FHIR server in memory that stores what is loaded and answers an EHR's searches by patient."""

from __future__ import annotations

from typing import Any

from flask import request

from tests.tools.integrator.fake_fhir import FakeFhir

SUBJECTS = ("subject", "patient")


class HospitalServer(FakeFhir):
    """As the fake that `load` is tried on; codes and dates of a search are not looked at."""

    def _search(self, kind: str) -> Any:
        patient = request.args.get("patient")
        if patient is None:
            return super()._search(kind)
        wanted = f"Patient/{patient.removeprefix('Patient/')}"
        found = [
            resource
            for resource in self.held.values()
            if resource["resourceType"] == kind
            and any(wanted in str(resource.get(name, "")) for name in SUBJECTS)
        ]
        entry = [{"resource": r, "search": {"mode": "match"}} for r in found]
        link = [{"relation": "self", "url": request.url}]
        return {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entry}
