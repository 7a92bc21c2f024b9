"""The built-in patient: a woman whose heparin infusion fails, as she would be at present."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cds_service.demo.fixtures import Fixture, shifted
from cds_service.rulebook.toml_table import load_concepts
from cds_service.tools.integrator.calling import context
from cds_service.tools.integrator.drafts import Draft, order

Json = dict[str, Any]

RECORD = Path(__file__).parent / "patient.json"
NAME = "heparin-cds-check"
RAISED = Draft("heparin", 1800, "[IU]/h", "U/h")
UNRELATED: Json = {
    "resourceType": "ServiceRequest",
    "id": "unrelated",
    "status": "draft",
    "intent": "order",
    "code": {"text": "Chest radiograph"},
}


@dataclass(frozen=True, slots=True)
class CheckPatient:
    """What the EHR of the check holds on its one patient."""

    id: str
    resources: tuple[Any, ...]
    draft: Json

    def context(self, hook: str, *drafts: Json) -> Json:
        """The context of a call about this patient; without drafts, the raise of heparin."""
        return context(hook, self.id, drafts or (self.draft,))


def check_patient(now: datetime) -> CheckPatient:
    """The patient at present, under an id nobody had before: each run stands by itself."""
    name = f"{NAME}-{uuid4().hex[:8]}"
    record = json.loads(RECORD.read_text(encoding="utf-8").replace(NAME, name))
    then = datetime.fromisoformat(record["now"])
    case = Fixture(name, then, "", "", "", {}, tuple(record["resources"]), {})
    return CheckPatient(name, shifted(case, now).resources, order(RAISED, 1, name, load_concepts()))
