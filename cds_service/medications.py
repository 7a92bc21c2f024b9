"""Medications that orders and administrations refer to but that did not come along.

Which drug a Medication is, is decided in `chart/`; here it is only found missing and fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from cds_service.chart.facts import Queried, Resource, State
from cds_service.errors import FhirFault

_TYPE = "Medication"
HOPS = 2  # an order names a mix, the mix names its ingredients

Reference = str  # "Medication/123"
ReadAll = Callable[[frozenset[Reference]], Mapping[Reference, Resource | FhirFault]]


def with_medications(
    answers: Mapping[str, Queried], read_all: ReadAll, most: int
) -> dict[str, Queried]:
    """The answers with the Medications they refer to, and the ingredients these refer to."""
    whole, read = dict(answers), dict[Reference, Resource | FhirFault]()
    for _ in range(HOPS):
        lacking = {key: _lacking(answer, whole) for key, answer in whole.items()}
        wanted = {reference for found in lacking.values() for reference in found} - read.keys()
        if not wanted:
            break
        chosen = frozenset(sorted(wanted)[: max(most - len(read), 0)])
        read |= read_all(chosen) if chosen else {}
        whole = {key: _completed(answer, lacking[key], read) for key, answer in whole.items()}
    return whole


def _lacking(answer: Queried, answers: Mapping[str, Queried]) -> dict[Reference, bool]:
    """References to Medications nobody sent, and whether the reference names the drug itself."""
    here = {
        f"{_TYPE}/{resource.get('id')}"
        for other in answers.values()
        for resource in other.resources
        if resource["resourceType"] == _TYPE
    }
    referred = (
        _referred(value, known=known)
        for resource in answer.resources
        for value, known in _references(resource)
    )
    return {
        reference: named for reference, named in filter(None, referred) if reference not in here
    }


def _references(resource: Resource) -> Iterator[tuple[object, bool]]:
    """An order's medication, or a mix's ingredients; a mix with a code is known by that."""
    if resource.get("resourceType") != _TYPE:
        yield resource.get("medicationReference"), False
        return
    ingredients = resource.get("ingredient")
    for ingredient in ingredients if isinstance(ingredients, list) else ():
        if isinstance(ingredient, Mapping):
            yield ingredient.get("itemReference"), bool(resource.get("code"))


def _referred(value: object, *, known: bool) -> tuple[Reference, bool] | None:
    text = value.get("reference") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(text, str):
        return None
    segments = text.partition("/_history/")[0].split("/")
    if len(segments) < 2 or segments[-2] != _TYPE or segments[-1] in ("", ".", ".."):
        return None  # contained, or known only inside its Bundle
    return f"{_TYPE}/{segments[-1]}", known or bool(value.get("display"))


def _completed(
    answer: Queried,
    lacking: Mapping[Reference, bool],
    read: Mapping[Reference, Resource | FhirFault],
) -> Queried:
    """An order whose drug stays unknown might be any drug: the answer is then only a part."""
    found = [read.get(reference) for reference in lacking]
    resources = tuple(resource for resource in found if isinstance(resource, Mapping))
    whole = replace(answer, resources=answer.resources + resources)
    unknown = [
        read.get(reference)
        for reference, named in lacking.items()
        if not named and not isinstance(read.get(reference), Mapping)
    ]
    if not unknown or not answer.state.answered:
        return whole
    return replace(whole, state=State.PARTIAL, problem=f"Medication: {unknown[0] or 'too many'}")
