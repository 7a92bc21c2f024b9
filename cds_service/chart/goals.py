"""The goal of a heparin infusion, from the words of its order: anti-Xa or aPTT, from and to.

Cuts a text into signs (a range, a number, a word of the table) and walks each sentence once. It
never guesses: words of a goal without a range that can be assigned make the goal unread.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cds_service.chart.concepts import GoalWords
from cds_service.chart.goal import Goal, GoalRange
from cds_service.chart.goal_pattern import SIGN_LISTS, UNIT_OF_TEST, UNITS_BEHIND, sign_pattern

_LONGEST = 4000  # characters of an order's texts that are looked at
_WORDS = re.compile(r"[^\W_]+")
_TESTS = ("anti_xa", "aptt", "aptt_ratio")


@dataclass(frozen=True, slots=True)
class _Sign:
    """One piece of a text that means something here."""

    kind: str  # "range", "number", "break", or a list of the table: "goal", "action", "aptt"
    low: float = 0.0
    high: float = 0.0
    unit: str = ""  # the test that the unit belongs to, "other_units", or "" without one
    phrase: str = ""


class GoalReader:
    """Reads goals with one table of words, ready for any order."""

    def __init__(self, words: GoalWords) -> None:
        self._words = words
        self._signs = sign_pattern(words)
        self._kinds = ("between", "range", "step", "number", "digits", "break", *SIGN_LISTS)
        self._about = re.compile(rf"\b(?:{'|'.join(words.about) or '(?!)'})\.")

    def read(self, texts: Iterable[str]) -> Goal:
        """Every goal that the texts of one order state, and whether one could not be read."""
        joined = _plain("\n".join(texts)[:_LONGEST])
        signs = list(self._cut(self._about.sub("", joined)))
        named = tuple(test for test in _TESTS if any(sign.kind == test for sign in signs))
        walk = _Walk(self._words, named)
        for sentence in _sentences(signs):
            walk.sentence(sentence)
        return walk.goal()

    def _cut(self, text: str) -> Iterator[_Sign]:
        for found in self._signs.finditer(text):
            kind = next(k for k in self._kinds if found.group(k) is not None)
            if kind == "step":
                yield _Sign("action")
            elif kind in ("between", "range", "number"):
                sign = self._measure(found, kind)
                if sign.unit != "other_units":  # a rate, a time, a weight
                    yield sign
            else:
                yield _Sign(kind, phrase=" ".join(_WORDS.findall(found.group())))

    def _measure(self, found: re.Match[str], kind: str) -> _Sign:
        parts = {k: v for k, v in found.groupdict().items() if v is not None}
        last = _value(parts[f"{kind}_high"])
        first = _value(parts[f"{kind}_low"]) if f"{kind}_low" in parts else last
        unit = self._unit_of(parts, kind, first, last)
        return _Sign("number" if kind == "number" else "range", first, last, unit)

    def _unit_of(self, parts: dict[str, str], kind: str, first: float, last: float) -> str:
        unit = next((UNIT_OF_TEST.get(n, n) for n in UNITS_BEHIND if f"{kind}_{n}" in parts), "")
        if unit != "bare_units":
            return unit
        # "0.3-0.7 units" is a level, "2,000 units" a dose: told apart by what a level can be.
        lowest, highest = self._words.anti_xa_range
        return "" if lowest <= first <= last <= highest else "other_units"


@dataclass(slots=True)
class _Walk:
    """What was found in one order so far."""

    words: GoalWords
    named: tuple[str, ...]  # the tests that the order names anywhere
    stated: list[GoalRange] = field(default_factory=list)  # beside a word of a goal
    bare: list[GoalRange] = field(default_factory=list)  # beside the test's name alone
    unread: bool = False
    intensities: list[str] = field(default_factory=list)

    def sentence(self, signs: list[_Sign]) -> None:
        """Walk one sentence: what a range is depends on the words before and behind it."""
        place = _Place(self, signs)
        for number, sign in enumerate(signs):
            place.take(number, sign)
        place.close()

    def goal(self) -> Goal:
        """Ranges beside a goal's words; of a test without any, those beside its name."""
        stated = {one.test for one in self.stated}
        ranges = (*self.stated, *(one for one in self.bare if one.test not in stated))
        return Goal(tuple(dict.fromkeys(ranges)), self.unread, tuple(self.intensities))


@dataclass(slots=True)
class _Place:
    """Where one sentence stands."""

    walk: _Walk
    signs: list[_Sign]
    goal: bool = False
    action: bool = False
    conditional: bool = False
    loose: bool = False  # a number beside a goal that is no range
    found: bool = False  # a range was read as the goal
    pending: GoalRange | None = None  # the last range, until the words behind it are known
    row: bool = False  # it stands behind words of an action

    def take(self, number: int, sign: _Sign) -> None:
        """One sign."""
        if sign.kind == "goal":
            self._goal(number)
        elif sign.kind == "unchanged":
            self._unchanged()
        elif sign.kind in ("action", "condition"):
            self.conditional |= sign.kind == "condition"
            self.goal, self.action, self.pending = False, True, None
        elif sign.kind == "intensity":
            self.walk.intensities.append(sign.phrase)
        elif sign.kind == "range":
            self._range(number, sign)
        elif sign.kind in ("number", "digits"):
            self.loose |= self.goal and not self.found

    def _goal(self, number: int) -> None:
        before = self.signs[number - 1].kind if number else ""
        if self.pending is not None and before == "range" and not self.row:
            self._state(self.pending)
            self.pending = None
        self.goal, self.action = True, False

    def _unchanged(self) -> None:
        """A row's range stands before its words, or behind them."""
        if self.pending is not None:
            self._state(self.pending)
            self.pending = None
        else:
            self.goal, self.action = True, False

    def _range(self, number: int, sign: _Sign) -> None:
        self._settle()
        self.conditional &= not self.action  # a condition goes with the range of its row
        test = self._test(number, sign)
        if test == "act" and not self.action:
            self.walk.unread = True
        if test not in _TESTS:
            self.loose |= self.goal and test == ""
            return
        read = GoalRange(test, sign.low, sign.high)
        if not _plausible(self.walk.words, read):
            self.loose |= self.goal
        elif self.goal:
            self._state(read)
        else:
            self.pending, self.row = read, self.action

    def _state(self, read: GoalRange) -> None:
        self.found = True
        if self.conditional and not self.row:
            self.walk.unread = True
        else:
            self.walk.stated.append(read)

    def _settle(self) -> None:
        """The range before is neither a goal by the words behind it nor a row: it is bare."""
        here = any(sign.kind in _TESTS or sign.unit in _TESTS for sign in self.signs)
        if self.pending is not None and not self.row and here:
            self.walk.bare.append(self.pending)
        self.pending = None

    def close(self) -> None:
        """The end of the sentence: numbers beside a goal's words, and no range, are unread."""
        self._settle()
        if self.loose and not self.found and self._is_about_us():
            self.walk.unread = True

    def _is_about_us(self) -> bool:
        """Whether it speaks of a test of ours, or of a range and of no other test."""
        kinds, units = {s.kind for s in self.signs}, {s.unit for s in self.signs}
        if kinds & {*_TESTS, "act"} or units & set(_TESTS):
            return True
        return "range" in kinds and "others" not in kinds

    def _test(self, number: int, sign: _Sign) -> str:
        """Whose range it is: by its unit and the nearest name, else by the names in the order."""
        nearest = self._nearest(number)
        if not sign.unit:
            return nearest or self._by_order(sign)
        if nearest in ("", sign.unit):
            return sign.unit
        # "aPTT 1.5-2.5 x control" names the aPTT and means its ratio.
        is_ratio = sign.unit == "aptt_ratio" and nearest == "aptt"
        return "aptt_ratio" if is_ratio else nearest

    def _nearest(self, number: int) -> str:
        """The nearest name of a test before a sign, else the first one behind it."""
        kinds = (*_TESTS, "act", "others")
        before = [s.kind for s in self.signs[:number] if s.kind in kinds]
        behind = (s.kind for s in self.signs[number + 1 :] if s.kind in kinds)
        return before[-1] if before else next(behind, "")

    def _by_order(self, sign: _Sign) -> str:
        fits = [
            test
            for test in self.walk.named
            if _plausible(self.walk.words, GoalRange(test, sign.low, sign.high))
        ]
        return fits[0] if len(fits) == 1 else ""


def _plausible(words: GoalWords, read: GoalRange) -> bool:
    lowest, highest = getattr(words, f"{read.test}_range")
    return bool(lowest <= read.low < read.high <= highest)


def _sentences(signs: Iterable[_Sign]) -> Iterator[list[_Sign]]:
    sentence: list[_Sign] = []
    for sign in signs:
        if sign.kind == "break":
            yield sentence
            sentence = []
        else:
            sentence.append(sign)
    yield sentence


def _plain(text: str) -> str:
    """Without case and accents, with plain dashes; ACT in capitals spelled out."""
    text = re.sub(r"\bACT\b(?=\W{0,12}\d)", "activated clotting time", text)
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", text)
    marks = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in marks if not unicodedata.combining(sign))


def _value(written: str) -> float:
    """ "0,3" and "0.3" are decimal; "25,000" and "25.000" are thousands."""
    thousands = re.fullmatch(r"[1-9]\d{0,2}(?:[.,]\d{3})+", written)
    return float(re.sub(r"[.,]", "", written) if thousands else written.replace(",", "."))
