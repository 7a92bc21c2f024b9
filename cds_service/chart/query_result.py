"""How a query ended, and the resources as they were sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Resource = Mapping[str, Any]  # one FHIR resource as parsed JSON, untrusted


class QueryState(Enum):
    """The five things that can be true of a query (clinical logic 4, "Data states")."""

    SUPPLIED = "supplied"
    EMPTY = "empty"  # the query ran and found nothing
    FAILED = "failed"
    PARTIAL = "partial"  # a further page exists and the window is not covered
    NOT_SUPPLIED = "not supplied"

    @property
    def is_complete(self) -> bool:
        """Whether "not on record" may be concluded from it."""
        return self in (QueryState.SUPPLIED, QueryState.EMPTY)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The result of one query: its state, and whatever resources came with it."""

    state: QueryState
    resources: tuple[Resource, ...] = ()
    problem: str = ""  # for people: "HTTP 500", "timed out"; never patient data
    full_urls: Mapping[str, Resource] = field(default_factory=dict)  # where entries said they lie
