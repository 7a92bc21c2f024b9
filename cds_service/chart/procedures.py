"""Procedures and laboratory orders of known concepts."""

from __future__ import annotations

from functools import partial

from cds_service.chart.conditions import concepts_in
from cds_service.chart.facts import Procedure, Skipped, TestOrder
from cds_service.chart.fhir_datetime import Period, Placing, read_instant, read_period
from cds_service.chart.fhir_json import codings, label, member, named, source, text
from cds_service.chart.query_result import Resource
from cds_service.chart.resources import STATUS, PatientResources
from cds_service.chart.vocabulary import Vocabulary

_NOT_DONE = frozenset({"not-done", "preparation", "entered-in-error"})
_ORDERS = frozenset(
    {"order", "original-order", "reflex-order", "filler-order", "instance-order", "directive", ""}
)


def read_procedures(
    resources: PatientResources, vocabulary: Vocabulary
) -> tuple[tuple[Procedure, ...], list[Skipped]]:
    """All procedures of known concepts that took or take place, newest first."""
    found, skipped = resources.read(
        "Procedure", partial(_read, vocabulary=vocabulary, placing=resources.placing)
    )
    return tuple(sorted(found, key=_newest_first)), skipped


def _read(
    resource: Resource, vocabulary: Vocabulary, placing: Placing
) -> list[Procedure | Skipped]:
    keys = concepts_in(member(resource, "code"), vocabulary.procedures, vocabulary)
    if keys and text(member(resource, "status")) in _NOT_DONE:
        return [Skipped(source(resource), STATUS, keys[0])]
    return [_procedure(resource, key, placing) for key in keys]


def read_tests(
    resources: PatientResources, vocabulary: Vocabulary, drafted: bool = False
) -> tuple[TestOrder, ...]:
    """Laboratory orders of known tests; plans and proposals are none, unless drafted just now."""
    found = [
        TestOrder(
            concept=key,
            source=source(resource),
            status=text(member(resource, "status")),
            authored=read_instant(member(resource, "authoredOn"), resources.placing),
            drafted=drafted,
        )
        for resource in resources.of("ServiceRequest")
        if _is_order(resource, drafted)
        for key in sorted(
            vocabulary.observations.keys(vocabulary.pairs(codings(named(member(resource, "code")))))
        )
    ]
    return tuple(sorted(found, key=_newest_order_first))


def _is_order(resource: Resource, drafted: bool) -> bool:
    if member(resource, "doNotPerform") is True:
        return False
    if drafted:
        return True
    mistaken = text(member(resource, "status")) == "entered-in-error"
    return not mistaken and text(member(resource, "intent")) in _ORDERS


def _procedure(resource: Resource, concept: str, placing: Placing) -> Procedure:
    period = _when(resource, placing)
    return Procedure(
        concept=concept,
        source=source(resource),
        start=period.start,
        end=period.end,
        in_progress=text(member(resource, "status")) == "in-progress",
        label=label(member(resource, "code")),
    )


def _when(resource: Resource, placing: Placing) -> Period:
    if member(resource, "performedDateTime") is not None:
        at = read_instant(member(resource, "performedDateTime"), placing)
        return Period(at, at)
    return read_period(member(resource, "performedPeriod"), placing)


def _newest_first(one: Procedure) -> tuple[object, ...]:
    return (
        one.start is None,
        -one.start.timestamp() if one.start else 0.0,
        one.concept,
        one.label,
        one.source,
    )


def _newest_order_first(one: TestOrder) -> tuple[object, ...]:
    at = one.authored
    return (at is None, -at.timestamp() if at else 0.0, one.concept, one.source)
