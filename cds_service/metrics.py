"""Counts for `/metrics`: how often, how long, in which state; never about whom.

With several workers prometheus_client adds them up over files (gunicorn.conf.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from cds_service.chart.facts import Queried

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"


class Counts:
    """All counters of one application; their labels come from our own tables only."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._calls = Counter(
            "heparin_cds_calls", "Hook calls.", ["hook", "outcome"], registry=registry
        )
        self._cards = Counter(
            "heparin_cds_cards", "Cards sent.", ["topic", "indicator"], registry=registry
        )
        self._queries = Counter(
            "heparin_cds_queries", "FHIR queries.", ["query", "state"], registry=registry
        )
        self._feedback = Counter(
            "heparin_cds_feedback", "Feedback items.", ["topic", "outcome"], registry=registry
        )
        self._refusals = Counter(
            "heparin_cds_refusals", "Requests refused.", ["status"], registry=registry
        )
        self._lost = Counter(
            "heparin_cds_audit_rows_lost", "Calls not written to the ledger.", registry=registry
        )
        self._stages = Histogram(
            "heparin_cds_stage_seconds",
            "Time of each stage of a call.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )

    def call(self, hook: str, outcome: str) -> None:
        """One call and how it ended."""
        self._calls.labels(hook, outcome).inc()

    def cards(self, cards: Iterable[Mapping[str, Any]]) -> None:
        """Cards as they went out."""
        for card in cards:
            self._cards.labels(card["source"]["topic"]["code"], card["indicator"]).inc()

    def queries(self, answers: Mapping[str, Queried]) -> None:
        """How each query of a call ended."""
        for key, answer in answers.items():
            self._queries.labels(key, answer.state.value).inc()

    def feedback(self, told: Iterable[tuple[str, str]]) -> None:
        """Items of feedback, each a topic and an outcome."""
        for topic, outcome in told:
            self._feedback.labels(topic, outcome).inc()

    def refusal(self, status: int) -> None:
        """A request that ended without an answer."""
        self._refusals.labels(str(status)).inc()

    def audit_row_lost(self) -> None:
        """A call that could not be written down."""
        self._lost.inc()

    def stage(self, name: str) -> AbstractContextManager[Any]:
        """Time what happens within."""
        return self._stages.labels(name).time()

    def text(self) -> bytes:
        """Everything in Prometheus's text format, of all workers together."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library's own gap
        return generate_latest(together)
