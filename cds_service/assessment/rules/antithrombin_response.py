"""What came of an antithrombin dose: a response, or none. Clinical logic 3."""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.times import apart
from cds_service.assessment.model.verdict import (
    NO,
    YES,
    Reason,
    Verdict,
    all_of,
    unknown,
    verdict_of,
)
from cds_service.assessment.rules.known import Known


def responded(known: Known) -> Verdict:
    """After antithrombin: the rate fell by a fifth, or the target was reached [R93].

    Judged by a level drawn hours after the dose; without one it is neither yes nor no.
    """
    m = known.measured
    given = m.antithrombin.last_dose
    if given is None:
        return _none_given(m)
    if given.start is None or m.infusion.running.no:
        return NO
    after = _level_after(m, given.end or given.start)
    if not after.yes:
        return after
    if m.infusion.rate is None:
        return unknown(*m.infusion.why_no_rate)
    return YES if _rate_fell(m, given.start, m.infusion.rate) else known.verdicts["on_target"]


def _rate_fell(m: Measured, given: datetime, rate: float) -> bool:
    """Whether the rate fell by `antithrombin_dose.response_fall` percent since a dose was given."""
    before = m.infusion.rate_at(given)
    part = 1 - m.case.protocol["antithrombin_dose.response_fall"] / 100
    return before is not None and before > 0 and rate <= before * part


def _level_after(m: Measured, dose: datetime) -> Verdict:
    """Whether the level that decides was drawn long enough after a dose."""
    level = m.levels.deciding
    if not level.current.yes:
        # A level without a usable time may be the one drawn after the dose.
        return unknown(*level.refused) if level.unplaced else NO
    span = m.case.protocol.span("antithrombin_dose.response_after")
    return apart(level.drawn, dose, span, level.concept)


def _none_given(m: Measured) -> Verdict:
    """No, where the query for administrations shows that no dose was given."""
    if m.case.is_complete("administrations"):
        return NO
    state = m.case.state("administrations")
    return unknown(Reason("antithrombinDose", state.value))


def refractory(known: Known) -> Verdict:
    """After antithrombin the activity is normal and the infusion still fails [R94]."""
    m, failing = known.measured, known.verdicts["failing"]
    given = m.antithrombin.last_dose
    if given is None:
        return all_of(_none_given(m), failing)
    if given.start is None:
        return NO
    after = _level_after(m, given.end or given.start)
    if not after.yes:
        return all_of(after, failing)
    level = m.antithrombin.known
    normal = verdict_of(m.antithrombin.tier == "normal") if level.yes else level
    return all_of(normal, failing)
