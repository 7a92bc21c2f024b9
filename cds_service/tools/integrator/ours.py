"""The fixtures as they stand on somebody's FHIR server: each resource marked as ours.

Pure. The mark is a `meta.tag`; whatever does not carry it is never touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Resource = Mapping[str, Any]

TAG = {
    "system": "https://heparin-cds.example.org/tags",
    "code": "fixture",
    "display": "Invented patient of heparin-cds",
}


def name_of(resource: Resource) -> str:
    """`Type/id`."""
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def is_ours(resource: Resource) -> bool:
    """Whether the resource carries our tag."""
    meta = resource.get("meta")
    tags = meta.get("tag") if isinstance(meta, Mapping) else None
    return any(
        isinstance(tag, Mapping)
        and (tag.get("system"), tag.get("code")) == (TAG["system"], TAG["code"])
        for tag in (tags if isinstance(tags, list) else [])
    )


def transaction(resources: Iterable[Resource]) -> dict[str, Any]:
    """One patient as a transaction that can be repeated: every resource under its own id."""
    held = {name_of(resource): resource for resource in resources}
    entries = [
        {"resource": _marked(_local(one, held)), "request": {"method": "PUT", "url": name}}
        for name, one in held.items()
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def removal(names: Iterable[str]) -> dict[str, Any]:
    """A transaction that removes these."""
    entries = [{"request": {"method": "DELETE", "url": name}} for name in names]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def removal_order(resources: Iterable[Resource]) -> list[str]:
    """Names, each before what it refers to: many servers refuse to leave a dangling reference."""
    targets = {name_of(one): {r for r in _references(one)} - {name_of(one)} for one in resources}
    order: list[str] = []
    while targets:
        referred_to = set[str]().union(*targets.values())
        # In a circle nothing is free; then its members go together.
        free = [name for name in targets if name not in referred_to] or list(targets)
        order += free
        for name in free:
            del targets[name]
    return order


def _marked(resource: Any) -> Resource:
    meta = resource.get("meta", {})
    return {**resource, "meta": {**meta, "tag": [*meta.get("tag", []), TAG]}}


def _local(value: Any, held: Mapping[str, Resource]) -> Any:
    """One fixture writes absolute references, as its own server would; here it has moved."""
    if isinstance(value, dict):
        return {key: _local(_relative(key, item, held), held) for key, item in value.items()}
    return [_local(item, held) for item in value] if isinstance(value, list) else value


def _relative(key: str, value: Any, held: Mapping[str, Resource]) -> Any:
    if key != "reference" or not isinstance(value, str):
        return value
    tail = "/".join(value.split("/")[-2:])
    return tail if tail in held else value


def _references(value: Any) -> Iterator[str]:
    """Every `Type/id` that a resource refers to, by whatever base."""
    if isinstance(value, Mapping):
        reference = value.get("reference")
        if isinstance(reference, str):
            yield "/".join(reference.partition("/_history")[0].split("/")[-2:])
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
