"""A hospital's own codes, added to the shipped table: never in place of it.

A site may add systems, codes, words and spellings; it cannot take any away or move a threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from cds_service.chart.concepts import (
    Code,
    Concepts,
    DrugConcept,
    FindingConcept,
    ObservationConcept,
)

Named = TypeVar("Named", DrugConcept, FindingConcept)
Items = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SiteCode:
    """One local code."""

    system: str
    code: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class SiteObservation:
    """Local codes of a test."""

    codes: tuple[SiteCode, ...]


@dataclass(frozen=True, slots=True)
class SiteRow:
    """Local codes and names of a drug, condition, allergy or procedure."""

    codes: tuple[SiteCode, ...] = ()
    words: tuple[str, ...] = ()
    except_words: tuple[str, ...] = ()
    except_codes: tuple[SiteCode, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteConcepts:
    """One site file."""

    site: str  # the hospital's name, for the log
    systems: Items = field(default_factory=dict)
    units: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    observations: Mapping[str, SiteObservation] = field(default_factory=dict)
    drugs: Mapping[str, SiteRow] = field(default_factory=dict)
    conditions: Mapping[str, SiteRow] = field(default_factory=dict)
    allergies: Mapping[str, SiteRow] = field(default_factory=dict)
    procedures: Mapping[str, SiteRow] = field(default_factory=dict)
    routes: Mapping[str, tuple[SiteCode, ...]] = field(default_factory=dict)
    route_words: Items = field(default_factory=dict)
    no_therapy: tuple[SiteCode, ...] = ()
    no_therapy_words: tuple[str, ...] = ()
    not_given: tuple[SiteCode, ...] = ()
    not_given_words: tuple[str, ...] = ()
    halted: tuple[SiteCode, ...] = ()
    halted_words: tuple[str, ...] = ()
    products: Mapping[str, float] = field(default_factory=dict)
    other_drugs: tuple[SiteCode, ...] = ()
    whole_systems: tuple[str, ...] = ()


def with_site(concepts: Concepts, site: SiteConcepts) -> Concepts:
    """The table with a site's additions; keys the table does not know are left to `strangers`."""
    return replace(
        concepts,
        site=site.site,
        systems=_joined(concepts.systems, site.systems),
        units=_with_spellings(concepts.units, site.units),
        observations=_with_observations(concepts.observations, site.observations),
        drugs=_with_rows(concepts.drugs, site.drugs),
        conditions=_with_rows(concepts.conditions, site.conditions),
        allergies=_with_rows(concepts.allergies, site.allergies),
        procedures=_with_rows(concepts.procedures, site.procedures),
        routes={
            key: (*codes, *_codes(site.routes.get(key, ())))
            for key, codes in concepts.routes.items()
        },
        route_words=_joined(concepts.route_words, site.route_words),
        no_therapy=concepts.no_therapy + _codes(site.no_therapy),
        no_therapy_words=concepts.no_therapy_words + site.no_therapy_words,
        not_given=concepts.not_given + _codes(site.not_given),
        not_given_words=concepts.not_given_words + site.not_given_words,
        halted=concepts.halted + _codes(site.halted),
        halted_words=concepts.halted_words + site.halted_words,
        products={**site.products, **concepts.products},
        other_drugs=concepts.other_drugs + _codes(site.other_drugs),
        whole_systems=concepts.whole_systems + site.whole_systems,
    )


def strangers(concepts: Concepts, site: SiteConcepts) -> list[str]:
    """Keys of a site file that name nothing in the table, and spellings it would redefine."""
    ours: dict[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
        "units": (concepts.units, site.units),
        "observations": (concepts.observations, site.observations),
        "drugs": (concepts.drugs, site.drugs),
        "conditions": (concepts.conditions, site.conditions),
        "allergies": (concepts.allergies, site.allergies),
        "procedures": (concepts.procedures, site.procedures),
        "routes": (concepts.routes, site.routes),
        "route_words": (concepts.route_words, site.route_words),
    }
    unknown = [
        f"{kind}.{key}: not in the table"
        for kind, (known, added) in ours.items()
        for key in added
        if key not in known
    ]
    return unknown + _redefined(concepts, site)


def _redefined(concepts: Concepts, site: SiteConcepts) -> list[str]:
    """Spellings and products that mean something else in the table."""
    spellings_twice = [
        f"units.{row}.{spelling}: already means something else"
        for row, spellings in site.units.items()
        for spelling, factor in spellings.items()
        if concepts.units.get(row, {}).get(spelling, factor) != factor
    ]
    products = [
        f"products.{product}: already means something else"
        for product, strength in site.products.items()
        if concepts.products.get(product, strength) != strength
    ]
    return spellings_twice + products


def _codes(codes: tuple[SiteCode, ...]) -> tuple[Code, ...]:
    return tuple(Code(code.system, code.code, "site", code.prefix) for code in codes)


def _joined(ours: Items, theirs: Items) -> Items:
    return {key: (*ours.get(key, ()), *theirs.get(key, ())) for key in {**ours, **theirs}}


def _with_spellings(
    ours: Mapping[str, Mapping[str, float]], theirs: Mapping[str, Mapping[str, float]]
) -> Mapping[str, Mapping[str, float]]:
    return {row: {**theirs.get(row, {}), **spellings} for row, spellings in ours.items()}


def _with_observations(
    ours: Mapping[str, ObservationConcept], theirs: Mapping[str, SiteObservation]
) -> Mapping[str, ObservationConcept]:
    return {
        key: replace(row, codes=row.codes + _codes(theirs[key].codes)) if key in theirs else row
        for key, row in ours.items()
    }


def _with_rows(ours: Mapping[str, Named], theirs: Mapping[str, SiteRow]) -> Mapping[str, Named]:
    return {key: _with_row(row, theirs[key]) if key in theirs else row for key, row in ours.items()}


def _with_row(ours: Named, theirs: SiteRow) -> Named:
    return replace(
        ours,
        codes=ours.codes + _codes(theirs.codes),
        words=ours.words + theirs.words,
        except_words=ours.except_words + theirs.except_words,
        except_codes=ours.except_codes + _codes(theirs.except_codes),
    )
