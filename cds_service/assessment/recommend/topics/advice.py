"""Lines that several cards share: what may contribute, and the review's advice for populations."""

from __future__ import annotations

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.verdict import Verdicts


def level_tests(m: Measured) -> tuple[str, ...]:
    """The test to order for a level: anti-Xa, or the aPTT.

    The aPTT where a site measures no anti-Xa, or where another drug would show in it.
    """
    has_anti_xa = bool(m.case.results("anti_xa")) or not m.case.results("aptt")
    # A level that would hold another drug's effect is not worth drawing.
    foreign = not m.levels.anti_xa.usable.yes and m.levels.anti_xa.result is not None
    return ("anti_xa",) if (has_anti_xa or m.risk.circuit) and not foreign else ("aptt",)


def contributors(m: Measured, verdicts: Verdicts) -> tuple[str, ...]:
    """What on record may explain the need for heparin, as keys of the wording table [R4, R13,
    R14].
    """
    notes = ["contributor.acutePhase"] if verdicts["acute_phase"].yes else []
    if m.risk.any:
        notes.append("contributor.risk")
    if m.risk.andexanet is not None:
        notes.append("contributor.andexanet")
    return tuple(notes)


def population_notes(m: Measured) -> tuple[str, ...]:
    """Notes for cardiac surgery, sepsis, circuits, cancer and pregnancy [R76, R81, R83, R87]."""
    notes = ["population.cardiacSurgery"] if m.risk.soon_after_surgery else []
    if m.risk.sepsis:
        notes.append("population.sepsis")
    if m.risk.circuit:
        notes.append("population.circuit")
    if m.risk.cancer:
        notes.append("population.cancer")
    if m.risk.pregnant:
        notes.append("population.pregnancy")
    return tuple(notes)
