"""The route, the form and the therapeutic use of a drug, in orders and administrations alike.

Both name them in the same elements; what only one of the two has is read in its own module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds_service.chart.concepts import Code
from cds_service.chart.facts import Route, Use
from cds_service.chart.fhir_json import codings, each, member, named, text
from cds_service.chart.medication_lookup import ResolvedMedication
from cds_service.chart.vocabulary import Codes, Vocabulary, Words, spaced, written_text


class AdministrationVocabulary:
    """Reads route, use and form with one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        concepts = vocabulary.concepts
        self._vocabulary = vocabulary
        self._patency = concepts.patency_units_per_ml
        self._routes = Codes((k, code) for k, codes in concepts.routes.items() for code in codes)
        self._route_words = {key: Words(words) for key, words in concepts.route_words.items()}
        self._no_therapy = _Phrases(vocabulary, concepts.no_therapy, concepts.no_therapy_words)
        self._not_given = _Phrases(vocabulary, concepts.not_given, concepts.not_given_words)
        self._halted = _Phrases(vocabulary, concepts.halted, concepts.halted_words)
        self._infusion = _Phrases(vocabulary, (), concepts.infusion_words)
        self._single = _Phrases(vocabulary, (), concepts.single_words)
        self._bag = _Phrases(vocabulary, (), concepts.bag_words)
        self._sites = {
            key: _Phrases(vocabulary, (), words) for key, words in concepts.site_words.items()
        }

    def route(self, dosages: Sequence[object]) -> Route:
        """By `route` codes, else its words, else the dosage's text; unknown where two differ."""
        stated = _concepts(dosages, "route")
        keys = self._routes.keys(self._vocabulary.pairs(codings(stated)))
        keys = keys or self._worded(written_text(stated))
        if not keys and stated:
            return Route.OTHER
        keys = keys or self._worded([text(member(dosage, "text")) for dosage in dosages])
        return Route(next(iter(keys))) if len(keys) == 1 else Route.UNKNOWN

    def use(self, medicine: ResolvedMedication, resource: object, dosages: Sequence[object]) -> Use:
        """No therapy by a code, by a telling word, or by the weak strength of a patency bag; else
        therapy.
        """
        concepts = [
            *(member(dosage, key) for dosage in dosages for key in ("route", "method", "site")),
            *(named(member(resource, key)) for key in ("reasonCode", "reason", "category")),
        ]
        strength = medicine.drug.units_per_ml
        none = (
            self._no_therapy.within(self._statement(concepts, (), medicine.words))
            or self._no_therapy.by_codings(medicine)
            or (strength is not None and strength <= self._patency)
        )
        return Use.NO_THERAPY if none else Use.THERAPY

    def is_no_therapy(self, texts: Iterable[str]) -> bool:
        """Whether a text says that it is no treatment: "flush the line with it"."""
        return self._no_therapy.by((), texts)

    def is_not_given(self, concepts: Iterable[object]) -> bool:
        """Whether a method or a reason says that nothing was given."""
        return self._not_given.by(concepts)

    def is_halt(self, concepts: Iterable[object]) -> bool:
        """Whether a method records a stop."""
        return self._halted.by(concepts)

    def is_infusion(self, concepts: Iterable[object], texts: Iterable[str] = ()) -> bool:
        """Whether it is called an infusion."""
        return self._infusion.by(concepts, texts)

    def is_single(self, concepts: Iterable[object]) -> bool:
        """Whether it is called a bolus or a push."""
        return self._single.by(concepts)

    def is_bag(self, concepts: Iterable[object], texts: Iterable[str] = ()) -> bool:
        """Whether it is called the hanging of a bag."""
        return self._bag.by(concepts, texts)

    def site(
        self, medicine: ResolvedMedication, resource: object, dosages: Sequence[object]
    ) -> str:
        """Where it runs to, by the first listed word; empty for the systemic infusion."""
        concepts = [
            *(member(dosage, key) for dosage in dosages for key in ("route", "method", "site")),
            *(member(resource, key) for key in ("reasonCode", "category")),
        ]
        texts = (text(member(dosage, "text")) for dosage in dosages)
        stated = self._statement(concepts, texts, medicine.words)
        return next((key for key, words in self._sites.items() if words.within(stated)), "")

    def _statement(
        self, concepts: Iterable[object], texts: Iterable[str], words: str = ""
    ) -> Statement:
        """Ready for a look-up; `words` are `spaced` already."""
        return _statement(self._vocabulary, concepts, texts, words)

    def _worded(self, sayings: Iterable[str]) -> set[str]:
        whole = " ".join(spaced(saying) for saying in sayings)
        return {key for key, words in self._route_words.items() if words.within(whole)}


def _concepts(dosages: Sequence[object], key: str) -> list[object]:
    return [one for dosage in dosages for one in each(member(dosage, key))]


@dataclass(frozen=True, slots=True)
class Statement:
    """Concepts and texts, made ready to be looked up in several lists."""

    pairs: tuple[tuple[str, str], ...]  # known system and folded code
    words: str  # `spaced`


def _statement(
    vocabulary: Vocabulary, concepts: Iterable[object], texts: Iterable[str], words: str = ""
) -> Statement:
    nodes = [one for concept in concepts for one in each(concept)]
    pairs = vocabulary.pairs(codings(nodes)) if nodes else ()
    written = filter(None, (*written_text(nodes), *texts))
    return Statement(pairs, "|".join((words, *map(spaced, written))))


class _Phrases:
    """Codes and words that mean one thing."""

    def __init__(self, vocabulary: Vocabulary, codes: Iterable[Code], words: Iterable[str]) -> None:
        self._vocabulary = vocabulary
        self._codes = Codes(("phrase", code) for code in codes)
        self._words = Words(words)

    def by(self, concepts: Iterable[object], texts: Iterable[str] = ()) -> bool:
        """Whether a concept or a text says it."""
        return self.within(_statement(self._vocabulary, concepts, texts))

    def within(self, stated: Statement) -> bool:
        """Whether one of the codes or words is among them."""
        if not stated.words:
            return False  # most rows say nothing of most lists
        return self._words.within(stated.words) or bool(self._codes.keys(stated.pairs))

    def by_codings(self, medicine: ResolvedMedication) -> bool:
        """Whether a product's own code says it."""
        return bool(self._codes.keys(self._vocabulary.pairs(medicine.codings)))
