"""By what a client is answered: its own protocol, codes and time zone, or the service's.

A profile in the clients file may name its own; whatever it does not name is the service's. All are
loaded and checked at start, and the ledger says of each call which of them answered it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import cache
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from cds_service.advice import Rulebook
from cds_service.cards.wording import Spelling
from cds_service.errors import StartRefused
from cds_service.fhir.queries import FhirQuery, fhir_queries
from cds_service.rulebook.load import DIGEST_LENGTH, load_rulebook


@dataclass(frozen=True, slots=True)
class TableChoice:
    """Which files and zone somebody is answered by, as settings or a profile name them."""

    protocol: str  # a shipped one by name, or a file
    concepts: Path | None = None  # a site's own codes
    time_zone: str = ""
    spelling: Spelling = "uk"  # of the words on cards


@dataclass(frozen=True, slots=True)
class Practice:
    """The tables, and the queries that follow from them."""

    rulebook: Rulebook
    queries: tuple[FhirQuery, ...]
    concepts_hash: str = ""  # of the site's own codes; empty without
    time_zone: str = ""  # as the settings or the profile name it; empty: not known

    @property
    def templates(self) -> dict[str, str]:
        """The prefetch templates by key, for discovery."""
        return {query.key: query.template for query in self.queries}

    @property
    def zone(self) -> tzinfo | None:
        """Where times without a zone of their own are placed."""
        return ZoneInfo(self.time_zone) if self.time_zone else None


@dataclass(frozen=True, slots=True)
class Practices:
    """The service's own, and those of clients that name another."""

    own: Practice
    by_client: Mapping[str, Practice] = field(default_factory=dict)

    def of(self, client: str) -> Practice:
        """What the client of this name is answered by."""
        return self.by_client.get(client, self.own)

    @property
    def all(self) -> tuple[Practice, ...]:
        """Each of them once."""
        return (self.own, *(one for one in self.by_client.values() if one is not self.own))


class Named(Protocol):
    """A client's own choice of tables; what is empty is the service's."""

    @property
    def name(self) -> str: ...
    @property
    def protocol(self) -> str: ...
    @property
    def concepts(self) -> Path | None: ...
    @property
    def time_zone(self) -> str | None: ...
    @property
    def spelling(self) -> Spelling | None: ...


def load_practices(
    own: TableChoice, clients: Iterable[Named], *, review_acknowledged: bool
) -> Practices:
    """Load and check what the service and all its clients name; every fault is listed."""

    @cache  # clients with the same files share their tables, and the look-ups made of them
    def practice(chosen: TableChoice) -> Practice:
        rules = load_rulebook(
            chosen.protocol, chosen.concepts, review_acknowledged, chosen.spelling
        )
        return new_practice(rules, chosen.concepts, chosen.time_zone)

    faults: list[str] = []
    by_client: dict[str, Practice] = {}
    for client in clients:
        try:
            by_client[client.name] = practice(_chosen(client, own))
        except StartRefused as refusal:
            faults += [f"client {client.name}: {fault}" for fault in refusal.faults]
    try:
        service = practice(own)
    except StartRefused as refusal:
        raise StartRefused([*refusal.faults, *faults]) from refusal
    if faults:
        raise StartRefused(faults)
    return Practices(service, by_client)


def new_practice(rulebook: Rulebook, concepts: Path | None = None, time_zone: str = "") -> Practice:
    """What follows from a rulebook; `concepts` is the site's file that is already in it."""
    digest = hashlib.sha256(concepts.read_bytes()).hexdigest()[:DIGEST_LENGTH] if concepts else ""
    return Practice(rulebook, fhir_queries(rulebook.concepts), digest, time_zone)


def _chosen(client: Named, own: TableChoice) -> TableChoice:
    return TableChoice(
        client.protocol or own.protocol,
        client.concepts or own.concepts,
        client.time_zone or own.time_zone,
        client.spelling or own.spelling,
    )
