"""From codes and words to our concepts: look-ups over the table, built once for a chart.

Knows no FHIR beyond codings and texts, and decides nothing: a code or a whole word is in the
table, or it is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Protocol

from cds_service.chart.code_systems import Systems
from cds_service.chart.concepts import Code, Concepts
from cds_service.chart.fhir_json import Coding, bare_codes, texts

_SEPARATORS = re.compile(r"[\W_]+")


class _Row(Protocol):
    @property
    def codes(self) -> tuple[Code, ...]: ...
    @property
    def words(self) -> tuple[str, ...]: ...
    @property
    def except_words(self) -> tuple[str, ...]: ...
    @property
    def except_codes(self) -> tuple[Code, ...]: ...


class Codes:
    """A set of codes, each leading to the keys it stands for."""

    def __init__(self, codes: Iterable[tuple[str, Code]]) -> None:
        self._exact: dict[tuple[str, str], list[str]] = {}
        self._prefixes: list[tuple[str, str, str]] = []
        for key, code in codes:
            if not code.matched:
                continue
            if code.prefix:
                self._prefixes.append((code.system, folded(code.code), key))
            else:
                self._exact.setdefault((code.system, folded(code.code)), []).append(key)

    def keys(self, found: Iterable[tuple[str, str]]) -> set[str]:
        """The keys that (system, folded code) pairs lead to."""
        pairs = tuple(found)
        keys = {key for pair in pairs for key in self._exact.get(pair, ())}
        for system, start, key in self._prefixes:
            if any(s == system and c.startswith(start) for s, c in pairs):
                keys.add(key)
        return keys


class Words:
    """Phrases, matched as whole words whatever the case and the punctuation."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._phrases = tuple(spaced(phrase) for phrase in phrases)

    def within(self, spaced_text: str) -> bool:
        """Whether a text, already `spaced`, holds one of them."""
        return any(phrase in spaced_text for phrase in self._phrases)

    def taken_from(self, spaced_text: str) -> str:
        """The text without them, so that "not detected" leaves no "detected" behind."""
        for phrase in self._phrases:
            spaced_text = spaced_text.replace(phrase, " | ")
        return spaced_text


class Matcher:
    """One kind of concepts: drugs, conditions, allergies, procedures."""

    def __init__(self, rows: Mapping[str, _Row], negations: Iterable[str] = ()) -> None:
        self._order = {key: place for place, key in enumerate(rows)}
        self._codes = Codes((key, code) for key, row in rows.items() for code in row.codes)
        self._barred = Codes((key, code) for key, row in rows.items() for code in row.except_codes)
        self._words = {key: Words(row.words) for key, row in rows.items()}
        self._except = {key: Words(row.except_words) for key, row in rows.items()}
        self._negations = Words(negations)
        self._begun = _by_first_word(rows)  # so that most texts cost nothing

    def by_code(self, pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """The concepts the codes stand for, in the table's order."""
        return self._sorted(self._codes.keys(pairs))

    def by_words(self, pairs: Iterable[tuple[str, str]], texts: Iterable[str]) -> tuple[str, ...]:
        """The concepts the texts name, unless an exception names them too."""
        whole = "|".join(spaced(one) for one in texts)
        candidates = {key for word in whole.split() for key in self._begun.get(word, ())}
        if not candidates or self._negations.within(whole):
            return ()
        named = candidates - self._barred.keys(pairs)
        return self._sorted(key for key in named if self._is_named(key, whole))

    def _is_named(self, key: str, whole: str) -> bool:
        return self._words[key].within(whole) and not self._except[key].within(whole)

    def _sorted(self, keys: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(set(keys), key=self._order.__getitem__))


def _by_first_word(rows: Mapping[str, _Row]) -> dict[str, set[str]]:
    begun: dict[str, set[str]] = {}
    for key, row in rows.items():
        for phrase in row.words:
            begun.setdefault(spaced(phrase).split()[0], set()).add(key)
    return begun


class Vocabulary:
    """All look-ups over one table of concepts."""

    def __init__(self, concepts: Concepts) -> None:
        self.concepts = concepts
        self._systems = Systems(concepts.systems)
        self.observations = Codes(
            (key, code) for key, row in concepts.observations.items() for code in row.codes
        )
        self.drugs = Matcher(concepts.drugs)
        self.conditions = Matcher(concepts.conditions, concepts.negations)
        self.allergies = Matcher(concepts.allergies, concepts.negations)
        self.procedures = Matcher(concepts.procedures, concepts.negations)

        self._others = Codes(("other", code) for code in concepts.other_drugs)
        self._hit_codes = Codes(("hit", code) for code in concepts.hit_codes)
        self._hit_words = Words(concepts.hit_words)

    def names_hit(self, pairs: Iterable[tuple[str, str]], label: str) -> bool:
        """Whether the codes or the words of a heparin allergy say HIT or thrombocytopenia."""
        return bool(self._hit_codes.keys(pairs)) or self._hit_words.within(spaced(label))

    def is_elsewhere(self, found: Iterable[Coding]) -> bool:
        """Whether a code says "another drug": it is listed as one, or its system is listed as a
        whole.

        RxNorm and NDC are not: a product of theirs that is not in the table may still be heparin.
        """
        pairs = self.pairs(found)
        whole = any(system in self.concepts.whole_systems for system, _ in pairs)
        return whole or bool(self._others.keys(pairs))

    def pairs(self, found: Iterable[Coding]) -> tuple[tuple[str, str], ...]:
        """(system, folded code) of the codings whose system we know."""
        return tuple(
            (system, folded(coding.code))
            for coding in found
            if coding.code and (system := self._systems.known(coding.system))
        )

    def near_pairs(self, found: Iterable[Coding]) -> tuple[tuple[str, str], ...]:
        """The same of codings whose system is a known one misspelt: "https://loinc.org"."""
        return tuple(
            (system, folded(coding.code))
            for coding in found
            if coding.code and (system := self._systems.nearly(coding.system))
        )


def written_text(concepts: object) -> tuple[str, ...]:
    """Texts, displays, and the codes too: local ones are often names ("Drug Push")."""
    return tuple(dict.fromkeys((*texts(concepts), *(code for _, code in bare_codes(concepts)))))


def folded(code: str) -> str:
    """A code for comparison: some write ICD-10-CM without its dot."""
    return code.replace(".", "").strip().upper()


def spaced(phrase: str) -> str:
    """A text for whole-word search: lower case, one blank between words and at both ends."""
    plain = unicodedata.normalize("NFKC", phrase).casefold()
    return f" {_SEPARATORS.sub(' ', plain).strip(' ')} "
