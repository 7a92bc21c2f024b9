"""Medications that orders, administrations and drafts refer to but that did not come along.

Which drug a Medication is, is decided in `chart/`; here it is only found missing and fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from cds_service.chart.facts import HookContext
from cds_service.chart.fhir_json import Reference, each, member, reference, server
from cds_service.chart.medication_lookup import points_at
from cds_service.chart.query_result import QueryResult, QueryState, Resource
from cds_service.chart.references import Located, Medications
from cds_service.errors import FhirFault
from cds_service.outbound.base_url import is_odd

_TYPE = "Medication"
_ABSENT = frozenset({404, 410})  # the server says that there is none: that is an answer
HOPS = 2  # an order names a mix, the mix names its ingredients
DRAFTED = "draftedMedications"
"""The answer that holds what drafts refer to: no query of ours, and no part of the record."""

Pointer = str  # "Medication/123", on the server that is asked
ReadAll = Callable[[frozenset[Pointer]], Mapping[Pointer, Resource | FhirFault]]


@dataclass(frozen=True, slots=True)
class _Lacking:
    """A Medication that nobody sent; `named` where the drug is known without it."""

    pointer: Pointer
    named: bool


def with_medications(
    answers: Mapping[str, QueryResult],
    read_all: ReadAll,
    most: int,
    asked: HookContext | None = None,
) -> dict[str, QueryResult]:
    """The results with the Medications they and the drafts refer to, and their ingredients.

    No more than `most` are read in all, those of the drafts first.
    """
    asked = asked or HookContext("", "")
    drafts = QueryResult(QueryState.SUPPLIED, asked.drafts, full_urls=asked.full_urls)
    whole, read = {DRAFTED: drafts, **answers}, dict[Pointer, Resource | FhirFault]()
    for _ in range(HOPS):
        lacking = _all_lacking(whole, server(asked.base))
        missing = _not_read(lacking, read)
        if not missing:
            break
        chosen = frozenset(missing[: max(most - len(read), 0)])
        read |= read_all(chosen) if chosen else {}
        whole = {key: _completed(result, lacking[key], read) for key, result in whole.items()}
    lent = whole.pop(DRAFTED).resources[len(asked.drafts) :]
    return whole | ({DRAFTED: QueryResult(QueryState.SUPPLIED, lent)} if lent else {})


def _not_read(
    lacking: Mapping[str, list[_Lacking]], read: Mapping[Pointer, object]
) -> list[Pointer]:
    wanted = dict.fromkeys(one.pointer for found in lacking.values() for one in found)
    return [pointer for pointer in wanted if pointer not in read]


def _all_lacking(answers: Mapping[str, QueryResult], base: str) -> dict[str, list[_Lacking]]:
    """By answer, what it refers to and nobody sent."""
    everything = [one for answer in answers.values() for one in answer.resources]
    urls = {url: one for answer in answers.values() for url, one in answer.full_urls.items()}
    located = Located(urls, frozenset({base} - {""})).with_patients(everything)
    sent = Medications.of((one for one in everything if one["resourceType"] == _TYPE), located)
    return {key: _lacking(answer, sent) for key, answer in answers.items()}


def _lacking(result: QueryResult, sent: Medications) -> list[_Lacking]:
    found: dict[Pointer, bool] = {}
    for resource in result.resources:
        for node, known in _references(resource):
            to = reference(node)
            if _is_lacking(to, resource, sent):
                pointer = f"{_TYPE}/{to.id}"
                found[pointer] = found.get(pointer, True) and (known or bool(to.display))
    return [_Lacking(pointer, named) for pointer, named in sorted(found.items())]


def _is_lacking(to: Reference, holder: Resource, sent: Medications) -> bool:
    """Whether it names a Medication on the patient's own server that did not come along."""
    elsewhere = to.base and to.base not in sent.bases  # is not asked of our server
    if to.type != _TYPE or elsewhere or is_odd(to.id):
        return False
    return not sent.find(to, holder)


def _references(resource: Resource) -> Iterator[tuple[object, bool]]:
    """An order's medication, or a mix's ingredients; a mix with a code is known by that."""
    if resource.get("resourceType") != _TYPE:
        yield points_at(resource, "medication"), False
        return
    for ingredient in each(member(resource, "ingredient")):
        yield points_at(ingredient, "item"), bool(resource.get("code"))


def _completed(
    result: QueryResult,
    lacking: list[_Lacking],
    read: Mapping[Pointer, Resource | FhirFault],
) -> QueryResult:
    """With what was read; where reading failed, the result is only a part.

    A Medication that the server does not have leaves its order unidentified, which the chart says.
    """
    found = [read.get(one.pointer) for one in lacking]
    resources = tuple(one for one in found if isinstance(one, Mapping))
    whole = replace(result, resources=result.resources + resources)
    failed = _failures(lacking, read)
    if not failed or not result.state.is_complete:
        return whole
    return replace(whole, state=QueryState.PARTIAL, problem=f"Medication: {failed[0]}")


def _failures(
    lacking: list[_Lacking], read: Mapping[Pointer, Resource | FhirFault]
) -> list[FhirFault | str]:
    """Why needed Medications were not read; a server that has none has answered."""
    faults = [read.get(one.pointer) or "too many" for one in lacking if not one.named]
    return [fault for fault in faults if not isinstance(fault, Mapping) and not _is_absent(fault)]


def _is_absent(fault: FhirFault | str) -> bool:
    return isinstance(fault, FhirFault) and fault.status in _ABSENT
