"""Medications that orders, administrations and drafts refer to but that did not come along.

Which drug a Medication is, is decided in `chart/`; here it is only found missing and fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from cds_service.chart.facts import HookContext
from cds_service.chart.fhir_json import each, member, reference, server
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
    """The answers with the Medications they and the drafts refer to, and their ingredients.

    No more than `most` are read in all, those of the drafts first.
    """
    asked = asked or HookContext("", "")
    drafts = QueryResult(QueryState.SUPPLIED, asked.drafts, full_urls=asked.full_urls)
    whole, read = {DRAFTED: drafts, **answers}, dict[Pointer, Resource | FhirFault]()
    for _ in range(HOPS):
        lacking = _all_lacking(whole, server(asked.base))
        wanted = {one.pointer: None for found in lacking.values() for one in found}
        chosen = [pointer for pointer in wanted if pointer not in read][: max(most - len(read), 0)]
        if not wanted.keys() - read.keys():
            break
        read |= read_all(frozenset(chosen)) if chosen else {}
        whole = {key: _completed(answer, lacking[key], read) for key, answer in whole.items()}
    lent = whole.pop(DRAFTED).resources[len(asked.drafts) :]
    return whole | ({DRAFTED: QueryResult(QueryState.SUPPLIED, lent)} if lent else {})


def _all_lacking(answers: Mapping[str, QueryResult], base: str) -> dict[str, list[_Lacking]]:
    """By answer, what it refers to and nobody sent."""
    everything = [one for answer in answers.values() for one in answer.resources]
    urls = {url: one for answer in answers.values() for url, one in answer.full_urls.items()}
    located = Located(urls, frozenset({base} - {""})).with_patients(everything)
    sent = Medications.of((one for one in everything if one["resourceType"] == _TYPE), located)
    return {key: _lacking(answer, sent) for key, answer in answers.items()}


def _lacking(answer: QueryResult, sent: Medications) -> list[_Lacking]:
    found: dict[Pointer, bool] = {}
    for resource in answer.resources:
        for node, known in _references(resource):
            to = reference(node)
            elsewhere = to.base and to.base not in sent.bases  # is not asked of our server
            if to.type != _TYPE or elsewhere or is_odd(to.id) or sent.find(to, resource):
                continue
            pointer = f"{_TYPE}/{to.id}"
            found[pointer] = found.get(pointer, True) and (known or bool(to.display))
    return [_Lacking(pointer, named) for pointer, named in sorted(found.items())]


def _references(resource: Resource) -> Iterator[tuple[object, bool]]:
    """An order's medication, or a mix's ingredients; a mix with a code is known by that."""
    if resource.get("resourceType") != _TYPE:
        yield points_at(resource, "medication"), False
        return
    for ingredient in each(member(resource, "ingredient")):
        yield points_at(ingredient, "item"), bool(resource.get("code"))


def _completed(
    answer: QueryResult,
    lacking: list[_Lacking],
    read: Mapping[Pointer, Resource | FhirFault],
) -> QueryResult:
    """With what was read; where reading failed, the answer is only a part.

    A Medication that the server does not have leaves its order untold, which the chart says.
    """
    found = [read.get(one.pointer) for one in lacking]
    resources = tuple(one for one in found if isinstance(one, Mapping))
    whole = replace(answer, resources=answer.resources + resources)
    faults = [
        fault or "too many"
        for one in lacking
        if not one.named and not isinstance(fault := read.get(one.pointer), Mapping)
    ]
    failed = [f for f in faults if not (isinstance(f, FhirFault) and f.status in _ABSENT)]
    if not failed or not answer.state.is_complete:
        return whole
    return replace(whole, state=QueryState.PARTIAL, problem=f"Medication: {failed[0]}")
