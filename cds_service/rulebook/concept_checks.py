"""What must hold in the table of concepts beyond the shape of its rows.

Says what is wrong and where; the shell that loads the table decides what follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

from cds_service.chart.concepts import (
    DECIDING,
    Code,
    Concepts,
    DrugConcept,
    FindingConcept,
    ObservationConcept,
)
from cds_service.chart.facts import Route
from cds_service.chart.units import AMOUNTS
from cds_service.chart.vocabulary import folded, spaced

STATUSES = frozenset({"verified", "single-source", "deprecated", "unverified", "site"})

Places = Iterable[tuple[str, Code]]


def faults_of(concepts: Concepts) -> Iterator[str]:
    """Every contradiction in the table, each as "key.path: what"."""
    yield from _code_faults(concepts)
    yield from _system_faults(concepts)
    yield from _unit_faults(concepts)
    yield from _observation_faults(concepts)
    yield from _query_faults(concepts)
    yield from _drug_faults(concepts)
    yield from _route_faults(concepts)
    yield from _word_faults(concepts)


def _code_faults(concepts: Concepts) -> Iterator[str]:
    for kind, places in _kinds(concepts).items():
        seen: dict[tuple[str, str, bool], str] = {}
        for key, code in places:
            where = f"{kind}.{key}.codes" if key else kind
            if code.system not in concepts.systems:
                yield f"{where}: {code.code}: unknown system {code.system!r}"
            if code.status not in STATUSES:
                yield f"{where}: {code.code}: unknown status {code.status!r}"
            other = seen.setdefault((code.system, folded(code.code), code.prefix), key)
            if other != key:
                yield f"{where}: {code.code} stands for {other} too"


def _kinds(concepts: Concepts) -> Mapping[str, Places]:
    """Every code with the concept it stands in, by kind; within a kind a code means one thing."""
    return {
        "observations": _codes(concepts.observations),
        "drugs": _codes(concepts.drugs),
        "conditions": _codes(concepts.conditions),
        "allergies": _codes(concepts.allergies),
        "procedures": _codes(concepts.procedures),
        "routes": [(key, code) for key, codes in concepts.routes.items() for code in codes],
        "answers": [*_all("positive", concepts.positive), *_all("negative", concepts.negative)],
        "not_given": _all("", concepts.not_given),
        "no_therapy": _all("", concepts.no_therapy),
        "halted": _all("", concepts.halted),
        "other_drugs": _all("", concepts.other_drugs),
    } | {f"{kind} (excepted)": places for kind, places in _excepted(concepts).items()}


def _all(key: str, codes: Iterable[Code]) -> list[tuple[str, Code]]:
    return [(key, code) for code in codes]


def _excepted(concepts: Concepts) -> Mapping[str, Places]:
    return {
        kind: [(key, code) for key, row in rows.items() for code in row.except_codes]
        for kind, rows in _rows(concepts).items()
    }


def _rows(concepts: Concepts) -> Mapping[str, Mapping[str, DrugConcept | FindingConcept]]:
    """The concepts that have words and exceptions, by kind."""
    return {
        "drugs": {**concepts.drugs},
        "conditions": {**concepts.conditions},
        "allergies": {**concepts.allergies},
        "procedures": {**concepts.procedures},
    }


def _codes(rows: Mapping[str, object]) -> list[tuple[str, Code]]:
    return [(key, code) for key, row in rows.items() for code in getattr(row, "codes", ())]


def _system_faults(concepts: Concepts) -> Iterator[str]:
    for system in concepts.whole_systems:
        if system not in concepts.systems:
            yield f"whole_systems: unknown system {system!r}"


def _unit_faults(concepts: Concepts) -> Iterator[str]:
    for name in (*AMOUNTS, "time", "body"):
        if name not in concepts.units:
            yield f"units.{name}: missing; doses and rates are read with it"
    for name, row in concepts.units.items():
        worth: dict[str, float] = {}
        for spelling, factor in row.items():
            if factor <= 0:
                yield f"units.{name}: {spelling!r} must be worth more than nothing"
            if worth.setdefault(spelling.casefold(), factor) != factor:
                yield f"units.{name}: {spelling!r} means two things, told apart by case alone"


def _observation_faults(concepts: Concepts) -> Iterator[str]:
    for key, row in concepts.observations.items():
        where = f"observations.{key}"
        yield from _scale_faults(where, row, concepts)
        if row.else_read_as and row.else_read_as not in concepts.observations:
            yield f"{where}.else_read_as: no row {row.else_read_as!r}"
        query = concepts.queries.get(row.query)
        if query is None or query.resource != "Observation":
            yield f"{where}.query: {row.query!r} is no query for Observations"
        if row.order_code not in {"", *(code.code for code in row.codes)}:
            yield f"{where}.order_code: {row.order_code} is not among its codes"


def _scale_faults(where: str, row: ObservationConcept, concepts: Concepts) -> Iterator[str]:
    if row.units and row.units not in concepts.units:
        yield f"{where}.units: no row {row.units!r} in [units]"
    if bool(row.units) != bool(row.unit):
        yield f"{where}.unit: a canonical unit and a row of spellings belong together"
    if row.plausible and row.plausible[0] >= row.plausible[1]:
        yield f"{where}.plausible: the lower bound comes first"


def _query_faults(concepts: Concepts) -> Iterator[str]:
    named = {query.deciding for query in concepts.queries.values()} - {""}
    for fact in sorted(DECIDING - named):
        yield f"queries: none brings {fact!r}"
    for fact in sorted(named - DECIDING):
        yield f"queries: {fact!r} is no deciding fact"
    for key, query in concepts.queries.items():
        if query.window_hours is not None and query.window_hours <= 0:
            yield f"queries.{key}.window_hours: must be positive"


def _drug_faults(concepts: Concepts) -> Iterator[str]:
    known = {code.code for row in concepts.drugs.values() for code in row.codes}
    for key, row in concepts.drugs.items():
        if row.measured_in not in ("", "iu", "mass"):
            yield f"drugs.{key}.measured_in: {row.measured_in!r} is neither 'iu' nor 'mass'"
    for product, strength in concepts.products.items():
        if product not in known:
            yield f"products.{product}: no drug has this code"
        if strength <= 0:
            yield f"products.{product}: a strength is more than nothing"


def _route_faults(concepts: Concepts) -> Iterator[str]:
    ways = {way.value for way in Route}
    for name, keys in (("routes", concepts.routes), ("route_words", concepts.route_words)):
        for key in keys:
            if key not in ways:
                yield f"{name}.{key}: no such route"


def _word_faults(concepts: Concepts) -> Iterator[str]:
    for where, phrases in _phrases(concepts).items():
        for phrase in phrases:
            if not spaced(phrase).strip():
                yield f"{where}: {phrase!r} holds no word"


def _phrases(concepts: Concepts) -> Mapping[str, tuple[str, ...]]:
    rows: dict[str, DrugConcept | FindingConcept] = {}
    for kind, of_kind in _rows(concepts).items():
        rows |= {f"{kind}.{key}": row for key, row in of_kind.items()}
    return {
        **{f"{where}.words": row.words for where, row in rows.items()},
        **{f"{where}.except_words": row.except_words for where, row in rows.items()},
        **{f"route_words.{key}": words for key, words in concepts.route_words.items()},
        **{f"site_words.{key}": words for key, words in concepts.site_words.items()},
        **_word_lists(concepts),
        "negations": concepts.negations,
        "diluents": concepts.diluents,
    }


def _word_lists(concepts: Concepts) -> dict[str, tuple[str, ...]]:
    """The lists of words that stand alone, by name."""
    return {
        field.name: getattr(concepts, field.name)
        for field in fields(concepts)
        if field.name.endswith("_words") and field.name not in ("route_words", "site_words")
    }
