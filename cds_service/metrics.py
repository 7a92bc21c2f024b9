"""Counts for `/metrics`: how often, how long, in which state; never about whom.

With several workers prometheus_client adds them up over files (gunicorn.conf.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from cds_service.cards.due import DueTopic
from cds_service.chart.query_result import QueryResult

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """All counters of one application; their labels come from our own tables only."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._answering: tuple[tuple[str, str, str], ...] = ()
        self._calls = self._counter("calls", "Hook calls.", "hook", "outcome")
        self._cards = self._counter("cards", "Cards sent.", "topic", "indicator")
        self._topics = self._counter(
            "topics",
            "What was due: shown as a card, silent by the protocol, or no room for it.",
            "topic",
            "how",
        )
        self._queries = self._counter("queries", "FHIR queries.", "query", "state")
        self._feedback = self._counter("feedback", "Feedback items.", "topic", "outcome")
        self._refusals = self._counter("refusals", "Requests refused.", "status")
        self._lost = self._counter("audit_rows_lost", "Calls not written to the ledger.")
        self._failures = self._counter("ledger_failures", "Records not taken.", "table")
        self._log_lines_lost = self._counter(
            "log_lines_lost", "Log lines that standard error did not take."
        )
        self._key_fetches = self._counter(
            "key_fetches", "Fetches of clients' keys.", "client", "outcome"
        )
        self._stages = self._histogram("stage_seconds", "Time of each stage of a call.", "stage")
        self._call_seconds = self._histogram(
            "call_seconds", "Time of a whole call, reading and refusals included.", "hook"
        )
        self._info = Gauge(
            "heparin_cds_info",
            "What answers: always 1.",
            ["version", "protocol", "protocol_hash"],
            multiprocess_mode="max",
            registry=self._registry,
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"heparin_cds_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(
            f"heparin_cds_{name}", text, labels, buckets=_SECONDS, registry=self._registry
        )

    def call(self, hook: str, outcome: str) -> None:
        """One call and how it ended."""
        self._calls.labels(hook, outcome).inc()

    def call_timer(self, hook: str) -> AbstractContextManager[Any]:
        """Time a whole call."""
        return self._call_seconds.labels(hook).time()

    def topics(self, due: Iterable[DueTopic]) -> None:
        """What became of everything that was due."""
        for one in due:
            self._topics.labels(one.topic, one.place.value).inc()

    def cards(self, cards: Iterable[Mapping[str, Any]]) -> None:
        """Cards as they went out."""
        for card in cards:
            self._cards.labels(card["source"]["topic"]["code"], card["indicator"]).inc()

    def queries(self, answers: Mapping[str, QueryResult]) -> None:
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

    def ledger_failed(self, table: str) -> None:
        """A record that was not taken."""
        self._failures.labels(table).inc()
        if table == "call":
            self._lost.inc()

    def log_line_lost(self) -> None:
        """A line of the log that went nowhere."""
        self._log_lines_lost.inc()

    def keys_fetched(self, client: str, good: bool) -> None:
        """A fetch of a client's keys has ended."""
        self._key_fetches.labels(client, "good" if good else "failed").inc()

    def answers_by(self, version: str, protocols: Iterable[tuple[str, str]]) -> None:
        """The version, and the names and hashes of the protocols, that answer."""
        self._answering = tuple((version, name, digest) for name, digest in protocols)

    def stage(self, name: str) -> AbstractContextManager[Any]:
        """Time what happens within."""
        return self._stages.labels(name).time()

    def text(self) -> bytes:
        """Everything in Prometheus's text format, of all workers together."""
        for labels in self._answering:  # now: what is set before the fork is not the worker's
            self._info.labels(*labels).set(1)
        if MULTIPROCESS not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library's own gap
        return generate_latest(together)
