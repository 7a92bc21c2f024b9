"""What came of an antithrombin dose: a response, or none (clinical logic 3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cds_service.assessment.answers import NO, Reason, Verdict, all_of, said, unknown
from cds_service.assessment.measured import Measured


def responded(m: Measured, so_far: Mapping[str, Verdict]) -> Verdict:
    """After antithrombin: the rate fell by a fifth, or the target was reached [R93]."""
    last = m.antithrombin.last_dose
    if last is None or last.start is None or m.infusion.running.no:
        return _none_given(m) if last is None else NO
    if m.infusion.rate is None:
        return unknown(*(m.infusion.running.reasons or m.infusion.reasons))
    before = [s for s in m.infusion.segments if s.start <= last.start and s.rate]
    until = last.start + m.case.protocol.span("antithrombin_dose.response_within")
    after = [s for s in m.infusion.segments if last.start < s.start <= until and s.rate]
    fall = 1 - m.case.protocol["antithrombin_dose.response_fall"] / 100
    fell = bool(before) and any((s.rate or 0) <= (before[-1].rate or 0) * fall for s in after)
    reached = so_far["on_target"].yes and _reached(m, last.start, until)
    on_target = so_far["on_target"]
    return on_target if on_target.unknown and not fell else said(fell or reached)


def _none_given(m: Measured) -> Verdict:
    """No dose on record, if the record could be read."""
    if m.case.answered("administrations"):
        return NO
    state = m.case.state("administrations")
    return unknown(Reason("antithrombinDose", state.value))


def _reached(m: Measured, since: datetime, until: datetime) -> bool:
    """Whether the test that is on target now was so already between two moments."""
    concept, target = m.levels.deciding.concept, m.target
    then = [v for v in m.levels.of(concept) if v.drawn is not None and since < v.drawn <= until]
    return any(target.below(level).no and target.above(level).no for level in then)


def refractory(m: Measured, so_far: Mapping[str, Verdict]) -> Verdict:
    """After antithrombin the activity is normal and the infusion still fails [R94]."""
    if m.antithrombin.last_dose is None:
        return all_of(_none_given(m), so_far["failing"])
    known = m.antithrombin.known
    normal = said(m.antithrombin.tier == "normal") if known.yes else known
    return all_of(normal, so_far["failing"])
