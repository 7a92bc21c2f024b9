"""Puts the fixtures on a FHIR server and takes exactly them away again.

Found by our tag; where a server does not search by tag, by the ids of the fixtures. Either way
each resource is looked at, and one without the tag is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from cds_service.demo.fixtures import Fixture
from cds_service.tools.integrator.fhir_base import FhirBase, Json, NotAnswered, rows
from cds_service.tools.integrator.ours import (
    TAG,
    is_ours,
    name_of,
    removal,
    removal_order,
    transaction,
)

PAGE = 200
CHUNK = 100  # resources removed in one transaction
REFUSED = (400, 404, 405, 409, 412, 422, 501)  # a transaction may be; its parts need not

LoadingStep = Callable[[str, int], None]  # what was done, and how many resources


@dataclass(frozen=True, slots=True)
class Removed:
    """What unloading did."""

    names: tuple[str, ...]
    left: tuple[tuple[str, str], ...] = ()  # name and why


def check_server(base: FhirBase) -> None:
    """That it speaks R4; a base that is another thing is found out before anything is written."""
    statement = base.get("metadata")
    version = statement.get("fhirVersion")
    if not isinstance(version, str) or not version.startswith("4."):
        raise NotAnswered(f"The server says it speaks FHIR {version}; these patients are R4.")


def load_resources(base: FhirBase, cases: Sequence[Fixture], step: LoadingStep) -> None:
    """Every case, one transaction each; refused as a whole if an id is somebody else's."""
    check_server(base)
    for case in cases:
        _refuse_strangers(base, case)
    for number, case in enumerate(cases):
        try:
            answer = base.transact(transaction(case.resources))
        except NotAnswered as fault:
            stored = f"{number} of {len(cases)} patients were stored before it"
            raise NotAnswered(f"{case.name}: {fault} ({stored}).", fault.status) from fault
        _check_stored(case, answer)
        step(case.name, len(case.resources))


def unload_resources(base: FhirBase, cases: Sequence[Fixture], step: LoadingStep) -> Removed:
    """Whatever carries our tag, in an order that leaves no reference dangling."""
    found = find_ours(base, cases, step)
    removed: list[str] = []
    left: list[tuple[str, str]] = []
    order = removal_order(found)
    for start in range(0, len(order), CHUNK):
        chunk = order[start : start + CHUNK]
        for name, why in _removed(base, chunk):
            if why:
                left.append((name, why))
            else:
                removed.append(name)
        step("removing", len(chunk))
    return Removed(tuple(removed), tuple(left))


def find_ours(base: FhirBase, cases: Sequence[Fixture], step: LoadingStep) -> list[Json]:
    """Every resource on the server that carries our tag."""
    types = sorted({str(r["resourceType"]) for case in cases for r in case.resources})
    try:
        found = [one for kind in types for one in _by_tag(base, kind, step)]
    except NotSearched:
        found = []
    # An empty answer can also come from a server that knows no _tag.
    return found or list(_by_ids(base, cases, step))


class NotSearched(Exception):  # noqa: N818 - it says what happened
    """The server does not search by tag."""


def _by_tag(base: FhirBase, kind: str, step: LoadingStep) -> Iterator[Json]:
    token = quote(f"{TAG['system']}|{TAG['code']}", safe="")
    try:
        found = list(base.search(f"{kind}?_tag={token}&_count={PAGE}"))
    except NotAnswered as fault:
        if fault.status in REFUSED:
            raise NotSearched from fault
        raise
    if not all(is_ours(one) for one in found):  # it left the parameter out of account
        raise NotSearched
    step(f"found {kind}", 0)
    yield from found


def _by_ids(base: FhirBase, cases: Sequence[Fixture], step: LoadingStep) -> Iterator[Json]:
    """By the ids of the fixtures; a patient that is not there is not asked for any further."""
    for case in cases:
        patient = base.find(name_of(case.patient))
        if patient is None or not is_ours(patient):
            continue
        for resource in case.resources:
            found = base.find(name_of(resource))
            if found is not None and is_ours(found):
                yield found
        step(f"found {case.name}", 0)


def _removed(base: FhirBase, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each name and why it is still there; empty if it is gone."""
    names = list(names)
    try:
        base.transact(removal(names))
    except NotAnswered as fault:
        if fault.status not in REFUSED:
            raise
        for name in names:
            yield name, _why_not_removed(base, name)
    else:
        yield from ((name, "") for name in names)


def _why_not_removed(base: FhirBase, name: str) -> str:
    try:
        base.delete(name)
    except NotAnswered as fault:
        return str(fault)
    return ""


def _refuse_strangers(base: FhirBase, case: Fixture) -> None:
    there = base.find(name_of(case.patient))
    if there is not None and not is_ours(there):
        raise NotAnswered(
            f"{name_of(case.patient)} is on the server already and does not carry our tag:"
            " nothing was written."
        )


def _check_stored(case: Fixture, answer: Json) -> None:
    said = [entry.get("response") for entry in rows(answer.get("entry"))]
    statuses = [str(one.get("status", "")) for one in said if isinstance(one, dict)]
    if len(statuses) != len(case.resources) or not all(s.startswith("2") for s in statuses):
        raise NotAnswered(f"{case.name}: the server did not say that all of it was stored.")
