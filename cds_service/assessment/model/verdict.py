"""Verdicts: yes, no or unknown, how they combine, and why something is unknown.

Unknown never becomes no (clinical logic 1). No thresholds here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeVar

T = TypeVar("T")


class Truth(Enum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact as a card shows it: value, unit, time and where it was read."""

    fact: str
    value: float
    unit: str
    at: datetime | None = None
    source: str = ""
    how: str = ""  # key of a remark: "documented", "presentRate", "byOrder", "stated", ...
    comparator: str = ""
    hours: float | None = None  # documented hours, where `how` says so
    written: str = ""  # shown in place of a number, as the record has it
    figure: float | None = None  # the number that the remark names


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a fact is unknown, or why something is withheld; both parts are keys of the wording.

    A reason that rests on facts of the record ("platelets 40") is told by them.
    """

    fact: str  # "antiXa", "weight", ...
    why: str  # "missing", "stale", "tooEarly", "unit", "failed", ...
    detail: str = ""  # as the record has it ("800 kg"); the cards escape it
    facts: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes, no or unknown, with the facts it rests on and, when unknown, the reasons."""

    truth: Truth
    facts: tuple[Evidence, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @property
    def yes(self) -> bool:
        return self.truth is Truth.YES

    @property
    def no(self) -> bool:
        return self.truth is Truth.NO

    @property
    def unknown(self) -> bool:
        return self.truth is Truth.UNKNOWN


Verdicts = Mapping[str, Verdict]  # of every rule, by its name

NO = Verdict(Truth.NO)
YES = Verdict(Truth.YES)


def yes(*facts: Evidence) -> Verdict:
    """Yes, resting on these facts."""
    return Verdict(Truth.YES, facts)


def unknown(*reasons: Reason) -> Verdict:
    """Unknown, and why."""
    return Verdict(Truth.UNKNOWN, (), reasons)


def unknown_because(*verdicts: Verdict) -> Verdict:
    """Unknown, for the reasons of these verdicts, each once."""
    return unknown(*dict.fromkeys(reason for verdict in verdicts for reason in verdict.reasons))


def verdict_of(value: bool, *facts: Evidence) -> Verdict:
    """Yes or no, from a plain truth value."""
    if not facts:
        return YES if value else NO
    return Verdict(Truth.YES if value else Truth.NO, facts)


def all_of(*verdicts: Verdict) -> Verdict:
    """Kleene's and: no if one is no, else unknown if one is unknown, else yes."""
    return _combine(verdicts, decisive=Truth.NO, otherwise=Truth.YES)


def any_of(*verdicts: Verdict) -> Verdict:
    """Kleene's or: yes if one is yes, else unknown if one is unknown, else no."""
    return _combine(verdicts, decisive=Truth.YES, otherwise=Truth.NO)


def negate(verdict: Verdict) -> Verdict:
    """Kleene's not: unknown stays unknown."""
    if verdict.truth is Truth.UNKNOWN:
        return verdict
    return verdict_of(verdict.truth is Truth.NO, *verdict.facts)


def compared(value: float, comparator: str, limit: float, *, under: bool) -> Truth:
    """Whether a reported value lies under (else over) a limit, for all values it can stand for.

    `<0.1` is under 0.1 and everything above it; `<=0.1` may be 0.1 itself; `<0.5` leaves open
    whether the value is under 0.3.
    """
    beyond = value < limit if under else value > limit
    if not comparator:
        return Truth.YES if beyond else Truth.NO
    if under == (comparator in (">", ">=")):  # the open side leads back across the limit
        return Truth.UNKNOWN if beyond else Truth.NO
    touches = (value, comparator) in ((limit, "<"), (limit, ">"))  # "<0.1" is under 0.1
    return Truth.YES if beyond or touches else Truth.UNKNOWN


def _combine(verdicts: tuple[Verdict, ...], decisive: Truth, otherwise: Truth) -> Verdict:
    for truth in (decisive, Truth.UNKNOWN, otherwise):
        holders = [v for v in verdicts if v.truth is truth]
        if holders:
            return _joined(truth, holders)
    return verdict_of(otherwise is Truth.YES)


def _joined(truth: Truth, holders: list[Verdict]) -> Verdict:
    """One verdict of several with the same truth."""
    facts = _each_once([fact for v in holders for fact in v.facts])
    if truth is not Truth.UNKNOWN:
        return verdict_of(truth is Truth.YES, *facts)
    return Verdict(truth, facts, _each_once([reason for v in holders for reason in v.reasons]))


def _each_once(found: list[T]) -> tuple[T, ...]:
    # Mostly there is one at most, and to hash a fact costs more than all else here.
    return tuple(found) if len(found) < 2 else tuple(dict.fromkeys(found))
