"""What came of an antithrombin dose: a response, or none (clinical logic 3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.times import apart
from cds_service.assessment.model.verdict import NO, Reason, Verdict, all_of, unknown, verdict_of


def responded(m: Measured, so_far: Mapping[str, Verdict]) -> Verdict:
    """After antithrombin: the rate fell by a fifth, or the target was reached [R93].

    Told by a level drawn hours after the dose; without one it neither responded nor did not.
    """
    given = m.antithrombin.last_dose
    if given is None or given.start is None:
        return _none_given(m) if given is None else NO
    if m.infusion.running.no:
        return NO
    after = _level_after(m, given.end or given.start)
    if not after.yes:
        return after
    if m.infusion.rate is None:
        return unknown(*(m.infusion.running.reasons or m.infusion.reasons))
    before = m.infusion.rate_at(given.start)
    fall = 1 - m.case.protocol["antithrombin_dose.response_fall"] / 100
    fell = before is not None and before > 0 and m.infusion.rate <= before * fall
    return verdict_of(True) if fell else so_far["on_target"]


def _level_after(m: Measured, dose: datetime) -> Verdict:
    """Whether the level that decides was drawn long enough after a dose."""
    level = m.levels.deciding
    if not level.current.yes:
        return unknown(*level.refused) if level.unplaced else NO
    span = m.case.protocol.span("antithrombin_dose.response_after")
    return apart(level.drawn, dose, span, level.concept)


def _none_given(m: Measured) -> Verdict:
    """No dose on record, if the record could be read."""
    if m.case.is_complete("administrations"):
        return NO
    state = m.case.state("administrations")
    return unknown(Reason("antithrombinDose", state.value))


def refractory(m: Measured, so_far: Mapping[str, Verdict]) -> Verdict:
    """After antithrombin the activity is normal and the infusion still fails [R94]."""
    given = m.antithrombin.last_dose
    if given is None:
        return all_of(_none_given(m), so_far["failing"])
    if given.start is None:
        return NO
    after = _level_after(m, given.end or given.start)
    if not after.yes:
        return all_of(after, so_far["failing"])
    known = m.antithrombin.known
    normal = verdict_of(m.antithrombin.tier == "normal") if known.yes else known
    return all_of(normal, so_far["failing"])
