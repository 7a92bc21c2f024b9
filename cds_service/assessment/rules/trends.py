"""What the infusion and its levels did over days: escalation and plateau.

They are two of the review's classic triad (R23, R24). Clinical logic 3.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from cds_service.assessment.measure.daily_dose import HOURS_A_DAY, per_kg_h
from cds_service.assessment.measure.infusion import Infusion, Segment, differs
from cds_service.assessment.model.case import Case, DatedValue, evidence
from cds_service.assessment.model.times import within
from cds_service.assessment.model.verdict import NO, Evidence, Reason, Verdict, unknown, yes
from cds_service.chart.fhir_datetime import earliest


def rises(case: Case, infusion: Infusion, since: datetime) -> tuple[tuple[Segment, Segment], ...]:
    """Steps up of at least `heparin.rate_change` percent, as (before, after), in time order."""
    return tuple(
        (older, newer)
        for older, newer in pairwise(infusion.segments)
        if newer.start >= since
        and older.rate
        and newer.rate
        and newer.rate > older.rate
        and differs(case, older.rate, newer.rate)
    )


def escalating(case: Case, infusion: Infusion, weight: float | None) -> Verdict:
    """Two rises in two days, after a day of heparin, at a rate that is high already (R23)."""
    present = _present_run(infusion)
    if present is None:
        return _not_running(infusion)
    found = rises(case, infusion, case.ago("heparin.escalation_window"))
    enough = len(found) >= case.protocol["heparin.escalation_rises"]
    if not (enough and _long_and_high(case, *present, weight)):
        return NO
    at, rate = found[-1][1].start, present[1]
    return yes(Evidence("rate", rate, "U/h", at, infusion.source, "rises"))


def _present_run(infusion: Infusion) -> tuple[datetime, float] | None:
    """Since when heparin runs, and its rate in U/h; None where it does not run or is unreadable."""
    if not infusion.running.yes or infusion.since is None or infusion.rate is None:
        return None
    return infusion.since, infusion.rate


def _not_running(infusion: Infusion) -> Verdict:
    return NO if infusion.running.no else unknown(*infusion.why_no_rate)


def _long_and_high(case: Case, since: datetime, rate: float, weight: float | None) -> bool:
    if since > case.ago("heparin.escalation_running_for"):
        return False
    by_weight = per_kg_h(rate, weight)
    daily = rate * HOURS_A_DAY > case.protocol["heparin.escalation_daily_dose"]
    # The review states units alone; the default asks for the weight as well.
    if by_weight is None or not case.protocol.allows("weight_condition"):
        return daily
    heavy = by_weight > case.protocol["heparin.standard_rate"]
    return heavy or (daily and by_weight >= case.protocol["heparin.escalation_rate"])


def plateau(case: Case, infusion: Infusion, weight: float | None) -> Verdict:
    """The aPTT stands still while the rate rises (R24)."""
    present = _present_run(infusion)
    if present is None:
        return _not_running(infusion)
    found = rises(case, infusion, case.ago("levels.trend"))
    needed = int(case.protocol["heparin.escalation_rises"])
    steps = found[-needed:]
    if len(steps) < needed or not _long_and_high(case, *present, weight):
        return NO
    first, last = steps[0][0].rate or 0.0, steps[-1][1].rate or 0.0
    if (last - first) * 100 < case.protocol["heparin.plateau_rise"] * first:
        return NO
    return _stands_still(case, steps)


def _stands_still(case: Case, steps: tuple[tuple[Segment, Segment], ...]) -> Verdict:
    """Whether the last aPTTs before the first rise and after each differ by less than a tenth."""
    windows = _windows(case, [newer.start for _, newer in steps])
    drawn = [one for window in windows if (one := _last_aptt(case, *window)) is not None]
    if len(drawn) < len(windows):
        return unknown(Reason("aptt", "noTrend"))
    lowest, highest = min(one.value for one in drawn), max(one.value for one in drawn)
    if (highest - lowest) * 100 >= case.protocol["heparin.plateau_difference"] * lowest:
        return NO
    return yes(evidence(drawn[-1].result, "s", "plateau"))


def _windows(case: Case, starts: list[datetime]) -> list[tuple[datetime, datetime]]:
    """The times in which an aPTT shows the effect of the rate before, and after each rise."""
    wait = case.protocol.span("heparin.plateau_draw_after")
    before = (case.ago("levels.trend"), starts[0])
    return [before, *((start + wait, end) for start, end in pairwise([*starts, case.now]))]


def _last_aptt(case: Case, since: datetime, until: datetime) -> DatedValue | None:
    """The last aPTT inside a window; None where another, whose time is not exact, may be it."""
    for result in case.results("aptt", earliest(since)):
        inside = within(result.at, since, until, "aptt")
        if inside.no:
            continue
        if inside.unknown or result.value is None or result.at is None:
            return None
        return DatedValue(result.value, result.at, result)
    return None
