"""FHIR searches over a set of resources: what the service's prefetch asks, and no more.

Pure. Tokens, references, `_sort`, `_count` and `_include` as in
https://hl7.org/fhir/R4/search.html; an unsupported parameter is refused, never ignored, so that
a mistake in a template shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Resource = Mapping[str, Any]

DEFAULT_COUNT = 50
MOST_COUNT = 1000
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)

# Search parameter -> elements, per type: https://hl7.org/fhir/R4/searchparameter-registry.html
CODE_ELEMENTS = ("code", "medicationCodeableConcept")
SORT_ELEMENTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Observation": {"date": ("effectiveDateTime", "effectivePeriod", "effectiveInstant")},
    "MedicationAdministration": {"effective-time": ("effectiveDateTime", "effectivePeriod")},
    "MedicationRequest": {"authoredon": ("authoredOn",)},
    "ServiceRequest": {"authored": ("authoredOn",)},
    "Condition": {"recorded-date": ("recordedDate",)},
    "AllergyIntolerance": {"date": ("recordedDate",)},
    "Procedure": {"date": ("performedDateTime", "performedPeriod")},
    "Encounter": {"date": ("period",)},
    "DeviceUseStatement": {},
    "Medication": {},
    "Patient": {},
}
INCLUDES = ("MedicationRequest:medication", "MedicationAdministration:medication")
PAGING = ("_count", "_offset", "_format")


class SearchRefusedError(ValueError):
    """The search cannot be answered; the message names the parameter."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an answer; `next_offset` is none on the last."""

    matches: tuple[Resource, ...]
    included: tuple[Resource, ...]
    total: int
    next_offset: int | None


def search(resources: Sequence[Resource], kind: str, parameters: Iterable[tuple[str, str]]) -> Page:
    """The page of the resources of one type that these parameters name."""
    if kind not in SORT_ELEMENTS:
        raise SearchRefusedError(f"type {kind} is not served")
    asked = tuple(parameters)
    found = [entry for entry in resources if entry["resourceType"] == kind]
    for name, value in asked:
        found = _narrowed(found, name, value)
    for name, value in asked:
        if name == "_sort":
            found = _sorted(found, kind, value)
    return _page(found, resources, asked)


def _narrowed(found: list[Resource], name: str, value: str) -> list[Resource]:
    if name in ("_sort", "_include", *PAGING):
        return found
    try:
        passes = FILTERS[name]
    except KeyError:
        raise SearchRefusedError(f"parameter {name} is not supported") from None
    wanted = value.split(",")
    return [entry for entry in found if any(passes(entry, one) for one in wanted)]


def _of_patient(resource: Resource, wanted: str) -> bool:
    reference = (resource.get("subject") or resource.get("patient") or {}).get("reference", "")
    return bool(reference) and _id(reference) == _id(wanted)


def _has_code(resource: Resource, wanted: str) -> bool:
    concepts = [resource[name] for name in CODE_ELEMENTS if isinstance(resource.get(name), dict)]
    codings = [coding for concept in concepts for coding in concept.get("coding", [])]
    return any(_same_token(coding, wanted) for coding in codings)


def _has_category(resource: Resource, wanted: str) -> bool:
    categories = resource.get("category", [])
    concepts = categories if isinstance(categories, list) else [categories]
    codings = [coding for concept in concepts for coding in concept.get("coding", [])]
    return any(_same_token(coding, wanted) for coding in codings)


def _same_token(coding: Mapping[str, Any], wanted: str) -> bool:
    """`system|code`, `system|`, `|code` (no system) or `code` (any system)."""
    if "|" not in wanted:
        return bool(coding.get("code") == wanted)
    system, _, code = wanted.partition("|")
    return coding.get("system", "") == system and code in ("", coding.get("code"))


def _has_status(resource: Resource, wanted: str) -> bool:
    return bool(resource.get("status") == wanted.rpartition("|")[2])


def _has_id(resource: Resource, wanted: str) -> bool:
    return bool(resource["id"] == wanted)


FILTERS: Mapping[str, Callable[[Resource, str], bool]] = {
    "patient": _of_patient,
    "subject": _of_patient,
    "code": _has_code,
    "category": _has_category,
    "status": _has_status,
    "_id": _has_id,
}


def _sorted(found: list[Resource], kind: str, value: str) -> list[Resource]:
    for key in reversed(value.split(",")):
        name = key.removeprefix("-")
        if name not in SORT_ELEMENTS[kind]:
            raise SearchRefusedError(f"_sort by {name} is not supported for {kind}")
        found = _sorted_by(found, SORT_ELEMENTS[kind][name], newest_first=key.startswith("-"))
    return found


def _sorted_by(
    found: list[Resource], elements: tuple[str, ...], *, newest_first: bool
) -> list[Resource]:
    """Undated last either way; a period counts by its start upwards and by its end downwards."""
    undated = EARLIEST if newest_first else LATEST
    moment = {id(entry): _moment(entry, elements, newest_first) or undated for entry in found}
    return sorted(found, key=lambda entry: moment[id(entry)], reverse=newest_first)


def _moment(resource: Resource, elements: tuple[str, ...], newest_first: bool) -> datetime | None:
    for name in elements:
        value = resource.get(name)
        if isinstance(value, dict) and newest_first and "end" not in value:
            return LATEST  # still going on
        if isinstance(value, dict):
            value = value.get("end" if newest_first else "start")
        if isinstance(value, str):
            return moment_of(value)
    return None


def moment_of(text: str) -> datetime | None:
    """A FHIR date or dateTime as a moment; without an offset it is taken as UTC."""
    full = text + {4: "-01-01", 7: "-01"}.get(len(text), "")
    try:
        moment = datetime.fromisoformat(full)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _page(found: list[Resource], everything: Sequence[Resource], asked: Pairs) -> Page:
    count = min(_number(asked, "_count", DEFAULT_COUNT), MOST_COUNT)
    offset = _number(asked, "_offset", 0)
    matches = tuple(found[offset : offset + count])
    after = offset + count
    return Page(
        matches=matches,
        included=_included(matches, everything, asked),
        total=len(found),
        next_offset=after if count > 0 and after < len(found) else None,
    )


Pairs = tuple[tuple[str, str], ...]


def _number(asked: Pairs, name: str, otherwise: int) -> int:
    text = dict(asked).get(name)
    if text is None:
        return otherwise
    if not text.isascii() or not text.isdigit():
        raise SearchRefusedError(f"{name} is not a whole number")
    return int(text)


def _included(
    matches: tuple[Resource, ...], everything: Sequence[Resource], asked: Pairs
) -> tuple[Resource, ...]:
    paths = [value for name, value in asked if name == "_include"]
    for path in paths:
        if path not in INCLUDES:
            raise SearchRefusedError(f"_include of {path} is not supported")
    kinds = {path.partition(":")[0] for path in paths}
    wanted = {
        _id(entry["medicationReference"].get("reference", ""))
        for entry in matches
        if entry["resourceType"] in kinds and "medicationReference" in entry
    }
    medications = (entry for entry in everything if entry["resourceType"] == "Medication")
    return tuple(entry for entry in medications if entry["id"] in wanted)


def _id(reference: str) -> str:
    return reference.rpartition("/")[2]
