"""Problems and allergies of known concepts. One entry may stand for several of them.

Refuted and mistaken entries are left out. Resolved ones are kept and say so: for heparin-induced
thrombocytopenia and heparin allergy the history counts, which is for others to judge.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cds_service.chart.facts import Condition, Skipped
from cds_service.chart.fhir_datetime import Placing, read_instant
from cds_service.chart.fhir_json import LONGEST_TEXT, codings, each, label, member, source, text
from cds_service.chart.query_result import Resource
from cds_service.chart.resources import MALFORMED, NEAR_SYSTEM, STATUS, PatientResources
from cds_service.chart.vocabulary import Matcher, Vocabulary, Words, spaced, written_text

_REFUTED = frozenset({"refuted", "entered-in-error"})
_ACTIVE = {
    "active": True,
    "recurrence": True,
    "relapse": True,
    "inactive": False,
    "remission": False,
    "resolved": False,
}

HEPARIN, HEPARIN_HIT = "heparin", "heparin_hit"

Found = tuple[tuple[Condition, ...], list[Skipped]]


def read_conditions(resources: PatientResources, vocabulary: Vocabulary) -> Found:
    """All problems of known concepts, newest first, and what was left out."""
    return _read(resources, "Condition", vocabulary.conditions, vocabulary)


def read_allergies(resources: PatientResources, vocabulary: Vocabulary) -> Found:
    """All allergies to known substances, those to heparin that name HIT apart."""
    found, skipped = _read(resources, "AllergyIntolerance", vocabulary.allergies, vocabulary)
    by_source = {source(r): r for r in resources.of("AllergyIntolerance")}
    return tuple(_with_hit_apart(a, by_source.get(a.source), vocabulary) for a in found), skipped


def _with_hit_apart(allergy: Condition, resource: object, vocabulary: Vocabulary) -> Condition:
    """A heparin allergy becomes `heparin_hit` when code, reaction or note names HIT."""
    if allergy.concept != HEPARIN:
        return allergy
    reactions = each(member(resource, "reaction"))
    shown = [one for r in reactions for one in each(member(r, "manifestation"))]
    pairs = vocabulary.pairs(codings((*_named(resource), *shown)))
    named = vocabulary.names_hit(pairs, allergy.label)
    return replace(allergy, concept=HEPARIN_HIT) if named else allergy


def concepts_in(nodes: object, matcher: Matcher, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Every concept the codes or the words of CodeableConcepts stand for."""
    found = codings(nodes)
    pairs = vocabulary.pairs(found)
    both = (*matcher.by_code(pairs), *matcher.by_words(pairs, written_text(nodes)))
    return tuple(dict.fromkeys(both))


def _read(
    resources: PatientResources, kind: str, matcher: Matcher, vocabulary: Vocabulary
) -> Found:
    found, skipped = resources.read(
        kind, lambda resource: _read_one(resource, matcher, vocabulary, resources.placing)
    )
    return tuple(sorted(found, key=_newest_first)), skipped


def _read_one(
    resource: Resource, matcher: Matcher, vocabulary: Vocabulary, placing: Placing
) -> list[Condition | Skipped]:
    named = _named(resource)
    keys = concepts_in(named, matcher, vocabulary)
    if not named:
        return [Skipped(source(resource), MALFORMED)]
    if not keys:
        near = matcher.by_code(vocabulary.near_pairs(codings(named)))
        return [Skipped(source(resource), NEAR_SYSTEM, key) for key in near]
    if _codes(resource, "verificationStatus") & _REFUTED:
        return [Skipped(source(resource), STATUS, keys[0])]
    one = _condition(resource, named, placing)
    new = Words(vocabulary.concepts.new_words).within(spaced(one.label))
    return [replace(one, concept=key, new=new) for key in keys]


def _named(resource: object) -> tuple[object, ...]:
    """What is named: the code, and for an allergy the substances that caused reactions."""
    reactions = each(member(resource, "reaction"))
    substances = (s for reaction in reactions for s in each(member(reaction, "substance")))
    return (*each(member(resource, "code")), *substances)


def _condition(resource: Resource, named: tuple[object, ...], placing: Placing) -> Condition:
    def dated(*path: str) -> datetime | None:
        return read_instant(member(resource, *path), placing)

    return Condition(
        concept="",
        source=source(resource),
        active=_activity(resource),
        onset=dated("onsetDateTime") or dated("onsetPeriod", "start"),
        recorded=dated("recordedDate"),
        label=_label(resource, named),
        code=next((coding.code for coding in codings(named) if coding.code), ""),
        abated=dated("abatementDateTime") or dated("abatementPeriod", "start"),
    )


def _activity(resource: Resource) -> bool | None:
    """By clinical status; without one an end, in whatever form, says that it is over."""
    activities = {_ACTIVE[code] for code in _codes(resource, "clinicalStatus") if code in _ACTIVE}
    if activities:
        return True in activities
    over = any(key.startswith("abatement") for key in resource)
    return False if over else None


def _codes(resource: Resource, key: str) -> set[str]:
    """Status codes; some clients send a bare string."""
    node = member(resource, key)
    return {coding.code for coding in codings(node)} | ({text(node)} - {""})


def _label(resource: Resource, named: tuple[object, ...]) -> str:
    """What it is called, and how an allergy showed: "rash", "low platelets"."""
    parts = [label(named)]
    for reaction in each(member(resource, "reaction")):
        parts += [label(member(reaction, "manifestation")), text(member(reaction, "description"))]
    parts += [text(member(note, "text")) for note in each(member(resource, "note"))]
    return "; ".join(dict.fromkeys(part for part in parts if part))[: 2 * LONGEST_TEXT]


def _newest_first(one: Condition) -> tuple[object, ...]:
    at = one.onset or one.recorded
    return (at is None, -at.timestamp() if at else 0.0, one.concept, one.label, one.source)
