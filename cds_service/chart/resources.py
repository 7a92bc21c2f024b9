"""The resources of one call, each once: whatever order, page or answer they came in.

Sorts by type, leaves out what belongs to another patient, and names everything it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from cds_service.chart.facts import Skipped
from cds_service.chart.fhir_datetime import NOWHERE, Placing
from cds_service.chart.fhir_json import Reference, each, member, reference, source, text
from cds_service.chart.query_result import Resource
from cds_service.chart.references import (
    REFERRING,
    Located,
    Medications,
    fingerprint,
    keep_latest,
)

OTHER_PATIENT = "otherPatient"
MALFORMED = "malformed"
STATUS = "status"  # entered in error, cancelled, refuted, not done, unknown
AMBIGUOUS = "ambiguous"  # its codes stand for two different concepts
NEAR_SYSTEM = "nearSystem"  # its code stands under a misspelt name of a code system
NO_MEDICATION = "medicationUnknown"  # a reference that nothing answers

_SUBJECTS = {
    "Observation": "subject",
    "MedicationAdministration": "subject",
    "MedicationRequest": "subject",
    "Condition": "subject",
    "AllergyIntolerance": "patient",
    "Procedure": "subject",
    "ServiceRequest": "subject",
    "Encounter": "subject",
}
_OWNED = frozenset({"Patient", *_SUBJECTS})

T = TypeVar("T")
# Called before each resource is read; it may raise, to give up reading.
Still = Callable[[], None]


def on_and_on() -> None:
    """Give reading all the time it takes."""


# What each resource came to, by its identity: for whoever reads one patient time and again,
# with the very same objects and tables.
ReadCache = dict[int, tuple[Resource, Sequence[object]]]


@dataclass(frozen=True, slots=True)
class PatientResources:
    """The patient's resources by type, sorted by id; and what was left out."""

    by_type: Mapping[str, tuple[Resource, ...]] = field(default_factory=dict)
    medications: Medications = field(default_factory=Medications)
    skipped: tuple[Skipped, ...] = ()
    kept: ReadCache | None = None
    placing: Placing = NOWHERE  # of times without zone
    still: Still = on_and_on

    def of(self, kind: str) -> tuple[Resource, ...]:
        """All resources of a type."""
        return self.by_type.get(kind, ())

    def read(
        self, kind: str, read: Callable[[Resource], Sequence[T | Skipped]]
    ) -> tuple[list[T], list[Skipped]]:
        """What all resources of a type come to, and what was left out."""
        found: list[T] = []
        skipped: list[Skipped] = []
        for resource in self.of(kind):
            self.still()
            for one in self._reading(resource, read):
                if isinstance(one, Skipped):
                    skipped.append(one)
                else:
                    found.append(one)
        return found, skipped

    def _reading(
        self, resource: Resource, read: Callable[[Resource], Sequence[T | Skipped]]
    ) -> Sequence[T | Skipped]:
        if self.kept is None:
            return read(resource)
        held = self.kept.get(id(resource))
        if held is None:  # the resource is held too, so that its identity stays its own
            asked = self.placing.asked
            held = (resource, read(resource))
            if self.placing.asked == asked:  # else it hangs on what else is known by now
                self.kept[id(resource)] = held
        return cast("Sequence[T | Skipped]", held[1])


def bare_id(patient_id: str) -> str:
    """The id alone; some clients send `Patient/x`."""
    return patient_id.rpartition("/")[2]


def index_resources(
    nodes: Iterable[object],
    patient_id: str,
    known: Iterable[object] = (),
    located: Located | None = None,
) -> PatientResources:
    """Sort out whatever came; `known` may lend Medications without being part of the record."""
    latest: dict[str, dict[str, Resource]] = {}
    skipped: list[Skipped] = []
    medications: list[Resource] = []
    for node in nodes:
        kind = kind_of(node)
        if not isinstance(node, dict) or not kind:
            skipped.append(Skipped(reference(node).source, MALFORMED))
        elif kind == "Medication":
            medications.append(node)
        elif kind in _OWNED:
            identity = text(node.get("id")) or f"\n{fingerprint(node)}"
            keep_latest(latest.setdefault(kind, {}), identity, node)
    patient = bare_id(patient_id)
    kept: dict[str, tuple[Resource, ...]] = {}
    for kind, by_id in latest.items():
        ours = []
        for identity in sorted(by_id):
            if _is_others(kind, by_id[identity], patient):
                skipped.append(Skipped(source(by_id[identity]), OTHER_PATIENT))
            else:
                ours.append(by_id[identity])
        kept[kind] = tuple(ours)
    lent = (one for one in known if kind_of(one) == "Medication")
    where = (located or Located()).with_patients(r for k in REFERRING for r in kept.get(k, ()))
    index = Medications.of((*medications, *(r for r in lent if isinstance(r, dict))), where)
    return PatientResources(kept, index, tuple(skipped))


def kind_of(node: object) -> str:
    """The type of a resource; "" of what is none."""
    kind = member(node, "resourceType")
    return kind if isinstance(kind, str) and kind in _OWNED else text(kind)


def is_of_others(resources: Iterable[object], patient_id: str) -> bool:
    """Whether an answer holds other patients' resources and none of this one's."""
    found = False
    for one in resources:
        kind = kind_of(one)
        if isinstance(one, dict) and kind in _OWNED:
            if not _is_others(kind, one, patient_id):
                return False
            found = True
    return found


def _is_others(kind: str, resource: Resource, patient_id: str) -> bool:
    """Whether it says that it belongs to somebody else; without a subject it does not."""
    if kind == "Patient":
        return text(resource.get("id")) not in ("", patient_id)
    subject = resource.get(_SUBJECTS.get(kind, ""))
    if isinstance(subject, dict) and subject.get("reference") == f"Patient/{patient_id}":
        return False  # by far the most
    written = [s for s in each(subject) if text(member(s, "reference"))]
    return any(not _is_patient(reference(s), patient_id) for s in written)


def _is_patient(subject: Reference, patient_id: str) -> bool:
    """A `urn:uuid:` names no type; what is contained is nobody the server knows."""
    ours = subject.type in ("Patient", "") and subject.id == patient_id
    return ours and not subject.contained
