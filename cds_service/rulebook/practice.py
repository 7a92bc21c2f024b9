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
from zoneinfo import ZoneInfo

from cds_service.advice import Rulebook
from cds_service.errors import StartRefused
from cds_service.fhir.queries import FhirQuery, read_plan
from cds_service.fhir.query_templates import query_urls
from cds_service.rulebook.load import DIGEST_LENGTH, load_rulebook
from cds_service.security.clients import Client, ClientPolicy
from cds_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Practice:
    """The tables, and what follows from them: the prefetch templates and the queries."""

    rulebook: Rulebook
    templates: Mapping[str, str]
    plan: tuple[FhirQuery, ...]
    concepts_hash: str = ""  # of the site's own codes; empty without
    time_zone: str = ""  # as the settings or the profile name it; empty: not known

    def is_silent(self, topic: str) -> bool:
        """Whether the protocol keeps a topic to itself."""
        return self.rulebook.protocol.topics.get(topic) == "silent"

    @property
    def zone(self) -> tzinfo | None:
        """Where times without a zone of their own are placed."""
        return ZoneInfo(self.time_zone) if self.time_zone else None


@dataclass(frozen=True, slots=True)
class Practices:
    """The service's own, and those of clients that name another."""

    own: Practice
    by_client: Mapping[str, Practice] = field(default_factory=dict)

    def of(self, caller: ClientPolicy) -> Practice:
        """What this caller is answered by."""
        return self.by_client.get(caller.name, self.own)

    @property
    def all(self) -> tuple[Practice, ...]:
        """Each of them once."""
        return (self.own, *(one for one in self.by_client.values() if one is not self.own))


def load_practices(settings: Settings, clients: Iterable[Client]) -> Practices:
    """Load and check what the settings and all profiles name; every fault is listed."""

    @cache  # clients with the same files share their tables, and the look-ups made of them
    def practice(protocol: str, concepts: Path | None, time_zone: str) -> Practice:
        named = {"protocol": protocol, "concepts": concepts}
        rulebook = load_rulebook(settings.model_copy(update=named))
        return new_practice(rulebook, concepts, time_zone)

    own = (settings.protocol, settings.concepts, settings.time_zone)
    faults: list[str] = []
    by_client: dict[str, Practice] = {}
    for client in clients:
        try:
            by_client[client.name] = practice(*_chosen(client, own))
        except StartRefused as refusal:
            faults += [f"client {client.name}: {fault}" for fault in refusal.faults]
    try:
        service = practice(*own)
    except StartRefused as refusal:
        raise StartRefused([*refusal.faults, *faults]) from refusal
    if faults:
        raise StartRefused(faults)
    return Practices(service, by_client)


def new_practice(rulebook: Rulebook, concepts: Path | None = None, time_zone: str = "") -> Practice:
    """What follows from a rulebook; `concepts` is the site's file that is already in it."""
    templates = query_urls(rulebook.concepts)
    digest = hashlib.sha256(concepts.read_bytes()).hexdigest()[:DIGEST_LENGTH] if concepts else ""
    plan = read_plan(templates, rulebook.concepts.queries)
    return Practice(rulebook, templates, plan, digest, time_zone)


def _chosen(client: Client, own: tuple[str, Path | None, str]) -> tuple[str, Path | None, str]:
    protocol, concepts, time_zone = own
    return client.protocol or protocol, client.concepts or concepts, client.time_zone or time_zone
