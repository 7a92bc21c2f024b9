"""Which of our drugs a resource names, and in what strength.

A medication comes as a CodeableConcept, as a contained or referenced Medication, or as a mix whose
ingredients are references again. Codes decide; where there are none, whole words do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from cds_service.chart.concentrations import Concentration, ConcentrationReader
from cds_service.chart.facts import Drug
from cds_service.chart.fhir_json import (
    Coding,
    codings,
    each,
    label_of,
    member,
    reference,
    text,
    texts,
)
from cds_service.chart.query_result import Resource
from cds_service.chart.references import Medications
from cds_service.chart.vocabulary import Vocabulary, spaced

_WORD = re.compile(r"[A-Z]?[a-z]{4,}(?:[ ,-]+[A-Za-z]+)*")  # a local code may be a name: "Insulin"


@dataclass(frozen=True, slots=True)
class Naming:
    """One thing that is named somewhere: a product or an ingredient."""

    codings: tuple[Coding, ...]
    texts: tuple[str, ...]
    names: tuple[str, ...] = ()  # texts that are no codes
    label: str = ""
    strength: object = None  # of an ingredient in its preparation


@dataclass(frozen=True, slots=True)
class ResolvedMedication:
    """A drug of ours as one resource names it."""

    drug: Drug
    concentration: Concentration | None
    texts: tuple[str, ...]
    codings: tuple[Coding, ...]
    words: str  # the texts, `spaced`: looked up in many lists for each row


class MedicationResolver:
    """Finds our drugs in resources, with one vocabulary and the Medications that came along."""

    def __init__(
        self, vocabulary: Vocabulary, strengths: ConcentrationReader, medications: Medications
    ) -> None:
        self._vocabulary = vocabulary
        self._strengths = strengths
        self._medications = medications
        # The rows of one infusion name the same product dozens of times.
        self._products: dict[Naming, tuple[ResolvedMedication, ...] | None] = {}

    def medicines(self, resource: Resource) -> tuple[ResolvedMedication, ...] | None:
        """Our drugs in it: mostly one or none, several in a combination.

        None where the drug cannot be identified: no name is given (as by a reference that leads
        nowhere), or only codes that are in no table of ours.
        """
        product, *ingredients = self._namings(resource)
        if ingredients:  # their strengths are whatever the record has, and no key for a look-up
            return self._resolve(product, ingredients)
        if product not in self._products:
            self._products[product] = self._resolve(product, [])
        return self._products[product]

    def _resolve(
        self, product: Naming, ingredients: list[Naming]
    ) -> tuple[ResolvedMedication, ...] | None:
        found = self._keys(product, ingredients)
        if not found and not any(self._is_identified(one) for one in (product, *ingredients)):
            return None
        return tuple(self._medicine(key, product, ingredients) for key in found)

    def _is_identified(self, naming: Naming) -> bool:
        """Whether it is known to be another drug: by a name, or by a code of a listed system."""
        codes = [one.code for one in naming.codings if _WORD.fullmatch(one.code)]
        named = any(_has_letters(name) for name in (*naming.names, *codes))
        return named or self._vocabulary.is_elsewhere(naming.codings)

    def _keys(self, product: Naming, ingredients: list[Naming]) -> tuple[str, ...]:
        drugs = self._vocabulary.drugs
        namings = [product, *ingredients]
        every = [coding for naming in namings for coding in naming.codings]
        by_code = drugs.by_code(self._vocabulary.pairs(every))
        if by_code:
            return by_code
        named = (
            key
            for naming in namings
            for key in drugs.by_words(self._vocabulary.pairs(naming.codings), naming.texts)
        )
        return tuple(dict.fromkeys(named))

    def _medicine(self, key: str, product: Naming, ingredients: list[Naming]) -> ResolvedMedication:
        """One drug of a product; of a mix only its own ingredient's names and codes count."""
        row = self._vocabulary.concepts.drugs[key]
        own = [one for one in ingredients if key in self._keys(one, [])]
        texts = (*product.texts, *chain.from_iterable(one.texts for one in own))
        concentration = self._strengths.found(
            (one.strength for one in own),
            (code for _, code in self._vocabulary.pairs(product.codings)),
            product.texts,
        )
        name = self._name(key, (product, *own))
        return ResolvedMedication(
            Drug(key, row.family, name or row.label, _units_per_ml(concentration)),
            concentration,
            texts,
            (*product.codings, *chain.from_iterable(one.codings for one in own)),
            "|".join(map(spaced, texts)),
        )

    def _name(self, key: str, namings: Iterable[Naming]) -> str:
        """The record's own name for it: one that names the drug before any other, never digits."""
        every = (name for one in namings for name in (one.label, *one.texts))
        names = [name for name in every if _has_letters(name)]
        telling = (name for name in names if key in self._vocabulary.drugs.by_words((), (name,)))
        return next(telling, names[0] if names else "")

    def _namings(self, resource: Resource) -> tuple[Naming, ...]:
        """The product first, then its ingredients."""
        inside = _contained(resource)
        node = points_at(resource, "medication")
        medication = self._resolved(node, inside, resource)
        product = _naming(concepts_at(resource, "medication"), medication, node)
        return (product, *self._ingredients(medication, inside))

    def _ingredients(self, medication: object, inside: Mapping[str, object]) -> Iterator[Naming]:
        known = {**inside, **_contained(medication)}
        for ingredient in each(member(medication, "ingredient")):
            node = points_at(ingredient, "item")
            resolved = self._resolved(node, known, medication)
            naming = _naming(concepts_at(ingredient, "item"), resolved, node)
            strength = member(ingredient, "strength")
            if strength is None:  # as FHIR R5 has it
                strength = member(ingredient, "strengthRatio")
            yield replace(naming, strength=strength)

    def _resolved(self, node: object, inside: Mapping[str, object], holder: object) -> object:
        to = reference(node)
        return inside.get(to.id) if to.contained else self._medications.find(to, holder)


def _has_letters(name: str) -> bool:
    return any(sign.isalpha() for sign in name)


def _units_per_ml(concentration: Concentration | None) -> float | None:
    return concentration.per_ml if concentration and concentration.kind == "iu" else None


def points_at(node: object, name: str) -> object:
    """The Reference to a medication or an ingredient, as FHIR R4 or R5 has it."""
    r4 = member(node, f"{name}Reference")
    return member(node, name, "reference") if r4 is None else r4


def concepts_at(node: object, name: str) -> tuple[object, ...]:
    """The CodeableConcepts of a medication or an ingredient, as FHIR R4 or R5 has them."""
    r4 = each(member(node, f"{name}CodeableConcept"))
    return r4 or each(member(node, name, "concept"))


def _contained(resource: object) -> dict[str, object]:
    """What a resource contains, by id; some write the id with the "#" of the reference."""
    found: dict[str, object] = {}
    for one in each(member(resource, "contained")):
        found.setdefault(text(member(one, "id")).lstrip("#"), one)
    return found


def _naming(concepts: tuple[object, ...], medication: object, points: object) -> Naming:
    """Everything that names one thing; some systems put the name into the identifier."""
    every = (*concepts, *each(member(medication, "code")))
    identifiers = (text(member(one, "value")) for one in each(member(medication, "identifier")))
    names = tuple(one for one in (reference(points).display, *identifiers) if one)
    found, called = codings(every), texts(every)
    codes = (one.code for one in found if one.code)
    return Naming(
        found,
        tuple(dict.fromkeys((*called, *codes, *names))),
        (*called, *names),
        label_of(called) or next(iter(names), ""),
    )
