"""The resources of one call, each once, in whatever order or page they came.

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

_OTHER_PATIENT = "otherPatient"
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
        """Read all resources of a type with a function; and what that left out."""
        found: list[T] = []
        skipped: list[Skipped] = []
        for resource in self.of(kind):
            self.still()
            for one in self._read_one(resource, read):
                if isinstance(one, Skipped):
                    skipped.append(one)
                else:
                    found.append(one)
        return found, skipped

    def _read_one(
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
    """Sort by type whatever came; `known` may lend Medications without being the patient's."""
    sorted_out = _by_type(nodes)
    patient, skipped = bare_id(patient_id), list(sorted_out.malformed)
    kept: dict[str, tuple[Resource, ...]] = {}
    for kind, by_id in sorted_out.latest.items():
        kept[kind], others = _ours_and_others(kind, by_id, patient)
        skipped += [Skipped(source(one), _OTHER_PATIENT) for one in others]
    lent = _medications(known)
    where = (located or Located()).with_patients(r for k in REFERRING for r in kept.get(k, ()))
    index = Medications.of((*sorted_out.medications, *lent), where)
    return PatientResources(kept, index, tuple(skipped))


@dataclass(frozen=True, slots=True)
class _SortedOut:
    latest: dict[str, dict[str, Resource]]  # by type, then by id: the latest copy
    medications: list[Resource]
    malformed: list[Skipped]


def _by_type(nodes: Iterable[object]) -> _SortedOut:
    found = _SortedOut({}, [], [])
    for node in nodes:
        kind = kind_of(node)
        if not isinstance(node, dict) or not kind:
            found.malformed.append(Skipped(reference(node).source, MALFORMED))
        elif kind == "Medication":
            found.medications.append(node)
        elif kind in _OWNED:
            # Without an id its content tells it from others: two that say the same are copies.
            identity = text(node.get("id")) or f"\n{fingerprint(node)}"
            keep_latest(found.latest.setdefault(kind, {}), identity, node)
    return found


def _ours_and_others(
    kind: str, by_id: Mapping[str, Resource], patient: str
) -> tuple[tuple[Resource, ...], list[Resource]]:
    """The patient's resources of a type, sorted by id, and those of somebody else."""
    ours: list[Resource] = []
    others: list[Resource] = []
    for identity in sorted(by_id):
        one = by_id[identity]
        (others if _is_others(kind, one, patient) else ours).append(one)
    return tuple(ours), others


def _medications(nodes: Iterable[object]) -> list[Resource]:
    return [one for one in nodes if isinstance(one, dict) and kind_of(one) == "Medication"]


def kind_of(node: object) -> str:
    """The type of a resource; "" of what is none."""
    kind = member(node, "resourceType")
    return kind if isinstance(kind, str) and kind in _OWNED else text(kind)


def is_of_others(resources: Iterable[object], patient_id: str) -> bool:
    """Whether resources hold other patients' and none of this one's."""
    found = False
    for one in resources:
        kind = kind_of(one)
        if isinstance(one, dict) and kind in _OWNED:
            if not _is_others(kind, one, patient_id):
                return False
            found = True
    return found


def _is_others(kind: str, resource: Resource, patient_id: str) -> bool:
    """Whether a resource names another patient as its subject; one without a subject does not."""
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
