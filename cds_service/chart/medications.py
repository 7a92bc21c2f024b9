"""Which of our drugs a resource speaks of, and in what strength.

A medication comes as a concept, as a contained or referenced Medication, or as a mix whose
ingredients are references again. Codes decide; where there are none, whole words do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from cds_service.chart.concentrations import Concentration, Strengths
from cds_service.chart.facts import Drug, Resource
from cds_service.chart.json_reading import (
    Coding,
    codings,
    each,
    label,
    member,
    reference,
    text,
    texts,
)
from cds_service.chart.vocabulary import Vocabulary, written

Medications = Mapping[str, Resource]  # by id


@dataclass(frozen=True, slots=True)
class Naming:
    """One thing that is named somewhere: a product or an ingredient."""

    codings: tuple[Coding, ...]
    texts: tuple[str, ...]
    label: str = ""
    strength: object = None  # of an ingredient in its preparation


@dataclass(frozen=True, slots=True)
class Medicine:
    """A drug of ours as one resource names it."""

    drug: Drug
    concentration: Concentration | None
    texts: tuple[str, ...]
    codings: tuple[Coding, ...]


class Pharmacy:
    """Tells medicines apart, with one vocabulary and the Medications that came along."""

    def __init__(
        self, vocabulary: Vocabulary, strengths: Strengths, medications: Medications
    ) -> None:
        self._vocabulary = vocabulary
        self._strengths = strengths
        self._medications = medications

    def medicines(self, resource: Resource) -> tuple[Medicine, ...] | None:
        """Our drugs in it: mostly one or none, several in a combination.

        None where nothing is named at all, as by a reference that nothing answers.
        """
        product, *ingredients = self._namings(resource)
        if not any(naming.codings or naming.texts for naming in (product, *ingredients)):
            return None
        found = self._keys(product, ingredients)
        return tuple(self._medicine(key, product, ingredients) for key in found)

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

    def _medicine(self, key: str, product: Naming, ingredients: list[Naming]) -> Medicine:
        """Of a mix only our own ingredient speaks along."""
        row = self._vocabulary.concepts.drugs[key]
        own = [one for one in ingredients if key in self._keys(one, [])]
        said = (product.label, *product.texts, *(t for one in own for t in (one.label, *one.texts)))
        concentration = self._strengths.found(
            (one.strength for one in own),
            (code for _, code in self._vocabulary.pairs(product.codings)),
            product.texts,
        )
        units = concentration.per_ml if concentration and concentration.kind == "iu" else None
        return Medicine(
            Drug(key, row.family, self._name(key, said) or row.label, units),
            concentration,
            (*product.texts, *(t for one in own for t in one.texts)),
            (*product.codings, *(c for one in own for c in one.codings)),
        )

    def _name(self, key: str, said: Iterable[str]) -> str:
        """What the record calls it: a text that names the drug before any other, never digits."""
        names = [name for name in said if any(sign.isalpha() for sign in name)]
        telling = (name for name in names if key in self._vocabulary.drugs.by_words((), (name,)))
        return next(telling, names[0] if names else "")

    def _namings(self, resource: Resource) -> tuple[Naming, ...]:
        """The product first, then its ingredients."""
        concept = member(resource, "medicationCodeableConcept")
        points_at = member(resource, "medicationReference")
        medication = self._resolved(points_at, resource)
        display = reference(points_at).display
        product = _naming(each(concept), medication, (display,) if display else ())
        return (product, *self._ingredients(medication, resource))

    def _ingredients(self, medication: object, resource: Resource) -> Iterator[Naming]:
        for ingredient in each(member(medication, "ingredient")):
            points_at = member(ingredient, "itemReference")
            display = reference(points_at).display
            naming = _naming(
                each(member(ingredient, "itemCodeableConcept")),
                self._resolved(points_at, medication, resource),
                (display,) if display else (),
            )
            yield replace(naming, strength=member(ingredient, "strength"))

    def _resolved(self, node: object, *holders: object) -> object:
        points_at = reference(node)
        if not points_at.contained:
            return self._medications.get(points_at.id) if points_at.id else None
        contained = (one for holder in holders for one in each(member(holder, "contained")))
        return next((one for one in contained if text(member(one, "id")) == points_at.id), None)


def _naming(concepts: tuple[object, ...], medication: object, displays: Iterable[str]) -> Naming:
    """Everything that names one thing; some systems put the name into the identifier."""
    every = (*concepts, *each(member(medication, "code")))
    identifiers = (text(member(one, "value")) for one in each(member(medication, "identifier")))
    names = (*displays, *(one for one in identifiers if one))
    return Naming(
        codings(every),
        tuple(dict.fromkeys((*written(every), *names))),
        label(every) or next(iter((*texts(every), *names)), ""),
    )
