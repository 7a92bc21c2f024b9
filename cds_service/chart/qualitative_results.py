"""Positive or negative: from the codes and words of an Observation."""

from __future__ import annotations

from cds_service.chart.fhir_json import (
    codings,
    each,
    member,
    text,
)
from cds_service.chart.query_result import Resource
from cds_service.chart.vocabulary import Codes, Vocabulary, Words, spaced
from cds_service.chart.vocabulary import written_text as words_of

_SAYING = ("interpretation", "valueCodeableConcept", "valueString")


class QualitativeResult:
    """Reads positive or negative from codes and words, as laboratories put them."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        concepts = vocabulary.concepts
        self._vocabulary = vocabulary
        self._codes = Codes(
            [("yes", code) for code in concepts.positive]
            + [("no", code) for code in concepts.negative]
        )
        self._yes, self._no = Words(concepts.positive_words), Words(concepts.negative_words)

    def of(self, node: Resource) -> bool | None:
        """Whether an Observation or a component is positive; None where it says nothing, or
        both.
        """
        if not any(key in node for key in _SAYING):
            return None  # by far the most
        phrases = [
            *each(member(node, "interpretation")),
            *each(member(node, "valueCodeableConcept")),
        ]
        found = self._codes.keys(self._vocabulary.pairs(codings(phrases)))
        if not found:
            found = self._in_words((*words_of(phrases), text(member(node, "valueString"))))
        return (found == {"yes"}) if len(found) == 1 else None

    def _in_words(self, sayings: tuple[str, ...]) -> set[str]:
        """Negative phrases are looked for first and taken out: "not detected" holds "detected"."""
        whole = " ".join(spaced(saying) for saying in sayings)
        found = {"no"} if self._no.within(whole) else set()
        return found | ({"yes"} if self._yes.within(self._no.taken_from(whole)) else set())
