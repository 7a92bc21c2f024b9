"""The regular expression that cuts the words of an order into signs of a goal.

Built once from the table of words: a range, a number, a word of a list, the end of a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from cds_service.chart.concepts import GoalWords

_DIGITS = r"(?:\d{1,6}(?:[.,]\d{1,3}(?!\d))?|\.\d{1,3})(?![.,]?\d)"


_FIRST = rf"(?<![\w.,/-]){_DIGITS}"


_LAST = rf"{_DIGITS}(?![-/]\d)"


UNIT_OF_TEST = {"anti_xa_units": "anti_xa", "second_units": "aptt", "ratio_units": "aptt_ratio"}


UNITS_BEHIND = (*UNIT_OF_TEST, "other_units", "bare_units")


SIGN_LISTS = (
    "anti_xa",
    "aptt",
    "aptt_ratio",
    "act",
    "unchanged",
    "goal",
    "action",
    "condition",
    "intensity",
    "others",
)


def sign_pattern(words: GoalWords) -> re.Pattern[str]:
    """One expression for all signs; what is longer or more telling stands first."""
    link = "|".join(["-", *(rf"-?\s?{one}\b" for one in words.ranges)])
    first, last = "|".join(words.between), "|".join(words.between_and)
    after = _units(words)
    named = {
        "between": rf"\b(?:{first})\s+(?P<between_low>{_FIRST})\s*{_plain_units(words)}\s*"
        rf"\b(?:{last})\s+(?P<between_high>{_LAST}){after('between')}",
        "range": rf"(?P<range_low>{_FIRST})\s*{_plain_units(words)}\s*(?:{link})\s*"
        rf"(?P<range_high>{_LAST}){after('range')}",
        "step": r"(?<![\w.,)])[+-]\d+",
        "number": rf"(?P<number_high>{_FIRST}(?![-/]\d)){after('number')}",
        "digits": r"\d[\d.,/-]*",  # that no other sign explains
        "break": r"[;\n!?|]|\.(?=\s|$)",
    }
    lists = {kind: rf"\b(?:{_spellings(getattr(words, kind))})(?!\w)" for kind in SIGN_LISTS}
    lists["intensity"] = rf"(?:\b[^\W\d_]+[\s-]{{1,3}})?{lists['intensity']}"  # "low intensity"
    every = [f"(?P<{kind}>{pattern})" for kind, pattern in {**named, **lists}.items()]
    return re.compile("|".join(every))


def _units(words: GoalWords) -> Callable[[str], str]:
    """The unit behind a number, as a group that tells whose it is."""

    def behind(number: str) -> str:
        groups = (
            rf"(?P<{number}_{kind}>(?:{_spellings(getattr(words, kind))})(?![a-z]))"
            for kind in UNITS_BEHIND
        )
        return rf"(?:\s*-?\s?(?:{'|'.join(groups)}))?"

    return behind


def _plain_units(words: GoalWords) -> str:
    own = (*words.anti_xa_units, *words.second_units, *words.ratio_units, *words.bare_units)
    return rf"(?:(?:{_spellings(own)})(?![a-z]))?"


def _spellings(words: Iterable[str]) -> str:
    """Any of these, the longest first; blanks stand for any gap, a star for any ending."""
    ordered = sorted(words, key=len, reverse=True)
    return "|".join(_spelling(one) for one in ordered) or "(?!)"


def _spelling(word: str) -> str:
    gaps = r"[\s_-]*".join(re.escape(part) for part in word.rstrip("*").split())
    return gaps + (r"[\w/]*" if word.endswith("*") else "")
