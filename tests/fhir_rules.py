"""What no FHIR validator at hand sees: rules of R4 that a resource of ours must keep.

The first two nobody checks, the next four only one that rejects valid resources; the required
bindings are checked by none in Python. Each gives its faults as sentences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.calls import Json


def _codes(written: str) -> frozenset[str]:
    return frozenset(written.split())


# http://hl7.org/fhir/R4/valueset-medicationrequest-status.html and its neighbours
_INTENTS = "proposal plan order original-order reflex-order filler-order instance-order option"
REQUIRED: Mapping[tuple[str, str], frozenset[str]] = {
    ("MedicationRequest", "status"): _codes(
        "active on-hold cancelled completed entered-in-error stopped draft unknown"
    ),
    ("MedicationRequest", "intent"): _codes(_INTENTS),
    ("ServiceRequest", "status"): _codes(
        "draft active on-hold revoked completed entered-in-error unknown"
    ),
    ("ServiceRequest", "intent"): _codes(f"{_INTENTS} directive"),
}
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.")
_SCRIPT = re.compile(r"<\s*(script|iframe|object|embed)|javascript:|\son\w+\s*=", re.IGNORECASE)


def nodes(value: Any) -> Iterator[Json]:
    """Every object within a resource, itself first."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from nodes(item)
    if isinstance(value, list):
        for item in value:
            yield from nodes(item)


def contained_without_use(resource: Json) -> Iterator[str]:
    """dom-3: what is contained is referred to from somewhere in the resource."""
    for one in resource.get("contained", ()):
        if f"#{one.get('id')}" not in _references(resource):
            yield f"contained {one.get('id')} is never referenced"


def codes_without_system(resource: Json) -> Iterator[str]:
    """qty-3: a quantity's code needs its system."""
    for node in nodes(resource):
        if "value" in node and "code" in node and not node.get("system"):
            yield f"quantity code {node['code']} has no system"


def references_to_nothing(resource: Json) -> Iterator[str]:
    """ref-1: `#x` points to something contained."""
    here = {f"#{one.get('id')}" for one in resource.get("contained", ())} | {"#"}
    yield from (f"{r} dangles" for r in _references(resource) if r[0] == "#" and r not in here)


def periods_backwards(resource: Json) -> Iterator[str]:
    """per-1: a period starts before it ends."""
    for node in nodes(resource):
        start, end = node.get("start"), node.get("end")
        if isinstance(start, str) and isinstance(end, str) and start > end:
            yield f"period {start} to {end}"


def systems_not_absolute(resource: Json) -> Iterator[str]:
    """A coding's system is an absolute URI."""
    for node in nodes(resource):
        system = node.get("system")
        if "code" in node and system is not None and not _URI.match(system):
            yield f"system {system} is not absolute"


def scripts_in_narrative(resource: Json) -> Iterator[str]:
    """txt-1: narrative is text, no programs."""
    for node in nodes(resource):
        if isinstance(node.get("div"), str) and _SCRIPT.search(node["div"]):
            yield "narrative holds a script"


def codes_outside_bindings(resource: Json) -> Iterator[str]:
    """Required bindings of what we send."""
    for (kind, element), allowed in REQUIRED.items():
        if resource["resourceType"] == kind and resource.get(element) not in allowed:
            yield f"{kind}.{element} is {resource.get(element)}"


RULES: tuple[Callable[[Json], Iterator[str]], ...] = (
    contained_without_use,
    codes_without_system,
    references_to_nothing,
    periods_backwards,
    systems_not_absolute,
    scripts_in_narrative,
    codes_outside_bindings,
)


def faults(resource: Json) -> list[str]:
    """Everything these rules hold against a resource."""
    return [fault for rule in RULES for fault in rule(resource)]


def _references(resource: Json) -> set[str]:
    written = {node.get("reference") for node in nodes(resource)}
    return {one for one in written if isinstance(one, str) and one}
