"""The answers to the queries as they would have been at an earlier moment.

A result is known once it is issued, an infusion that has ended since was running, a problem that
has abated was active. A resource that does not say when it became known counts as always known: the
past is then told too full rather than too empty, and the page says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cds_service.chart.known import Version, ends_of, versions
from cds_service.chart.query_result import QueryResult, QueryState, Resource


@dataclass(frozen=True, slots=True)
class PastAnswers:
    """Each query's answer with every state that its resources had."""

    answers: Mapping[str, QueryResult]
    states: Mapping[
        str, tuple[tuple[Version, ...], ...]
    ]  # by query; of each resource, oldest first
    undated: int  # resources that do not say when they became known

    def at(self, moment: datetime) -> dict[str, QueryResult]:
        """The answers as they would have been at a moment."""
        return {key: self._then(key, answer, moment) for key, answer in self.answers.items()}

    def _then(self, key: str, answer: QueryResult, moment: datetime) -> QueryResult:
        found = tuple(_standing(self.states[key], moment))
        state = answer.state
        if state.is_complete:
            state = QueryState.SUPPLIED if found else QueryState.EMPTY
        return replace(answer, state=state, resources=found)

    def changes(self, *, results: bool) -> list[datetime]:
        """The moments at which results (else: anything but results) became known, oldest first."""
        states = (v for group in self.states.values() for one in group for v in one)
        return sorted({v.since for v in states if v.since and _is_result(v.resource) is results})


def _is_result(resource: Resource) -> bool:
    return resource.get("resourceType") == "Observation"


def _standing(states: tuple[tuple[Version, ...], ...], moment: datetime) -> Iterator[Resource]:
    for one in states:
        known = [v for v in one if v.since is None or v.since <= moment]
        if known:
            yield known[-1].resource


def past_of(answers: Mapping[str, QueryResult]) -> PastAnswers:
    """The past of a record as the queries brought it."""
    ends = ends_of(one for answer in answers.values() for one in answer.resources)
    states, undated = {}, 0
    for key, answer in answers.items():
        found = []
        for resource in answer.resources:
            dated = versions(resource, ends)
            undated += not dated
            found.append(dated or (Version(None, resource),))
        states[key] = tuple(found)
    return PastAnswers(answers, states, undated)
