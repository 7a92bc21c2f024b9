"""What an order states as its goal, as plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GoalRange:
    """From and to, in IU/mL ("anti_xa"), s ("aptt") or times the control ("aptt_ratio")."""

    test: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Goal:
    """The goal of an infusion as the words of its order state it; several where they differ."""

    ranges: tuple[GoalRange, ...] = ()
    unread: bool = False  # words of a goal, and no range that could be told from them
    intensities: tuple[str, ...] = ()  # "low intensity", without case and accents


NO_GOAL = Goal()  # an order that states none
