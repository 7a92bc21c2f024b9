"""What the infusion and its levels did over days: escalation and plateau.

Clinical logic 3. Two of the review's classic triad (R23, R24).
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from cds_service.assessment.measure.daily_dose import HOURS_A_DAY, per_kg_h
from cds_service.assessment.measure.infusion import Infusion, Segment, differs
from cds_service.assessment.model.case import Case, evidence
from cds_service.assessment.model.times import within
from cds_service.assessment.model.verdict import NO, Evidence, Reason, Verdict, unknown, yes
from cds_service.chart.facts import Result
from cds_service.chart.fhir_datetime import earliest


def rises(case: Case, infusion: Infusion, since: datetime) -> tuple[tuple[Segment, Segment], ...]:
    """Steps up of at least a tenth, as (before, after), in time order."""
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
    """Two rises in two days, after a day of heparin, at a rate worth the name (R23)."""
    if not infusion.running.yes or infusion.since is None or infusion.rate is None:
        return _not_running(infusion)
    found = rises(case, infusion, case.ago("heparin.escalation_window"))
    enough = len(found) >= case.protocol["heparin.escalation_rises"]
    if not (enough and _long_and_high(case, infusion.since, infusion.rate, weight)):
        return NO
    at = found[-1][1].start
    return yes(Evidence("rate", infusion.rate, "U/h", at, infusion.source, "rises"))


def _not_running(infusion: Infusion) -> Verdict:
    if infusion.running.no:
        return NO
    return unknown(*(infusion.running.reasons or infusion.reasons))


def _long_and_high(case: Case, since: datetime, rate: float, weight: float | None) -> bool:
    if since > case.ago("heparin.escalation_running_for"):
        return False
    by_weight = per_kg_h(rate, weight)
    daily = rate * HOURS_A_DAY > case.protocol["heparin.escalation_daily_dose"]
    if by_weight is None or not case.protocol.allows("weight_condition"):
        return daily
    heavy = by_weight > case.protocol["heparin.standard_rate"]
    return heavy or (daily and by_weight >= case.protocol["heparin.escalation_rate"])


def plateau(case: Case, infusion: Infusion, weight: float | None) -> Verdict:
    """The aPTT stands still while the rate rises (R24)."""
    if not infusion.running.yes or infusion.since is None or infusion.rate is None:
        return _not_running(infusion)
    found = rises(case, infusion, case.ago("levels.trend"))
    needed = int(case.protocol["heparin.escalation_rises"])
    steps = found[-needed:]
    if len(steps) < needed or not _long_and_high(case, infusion.since, infusion.rate, weight):
        return NO
    first, last = steps[0][0].rate or 0.0, steps[-1][1].rate or 0.0
    if (last - first) * 100 < case.protocol["heparin.plateau_rise"] * first:
        return NO
    return _stands_still(case, steps)


def _stands_still(case: Case, steps: tuple[tuple[Segment, Segment], ...]) -> Verdict:
    """The last aPTT before the first rise and after each one differ by less than a tenth."""
    starts = [newer.start for _, newer in steps]
    wait = case.protocol.span("heparin.plateau_draw_after")
    windows = [(case.ago("levels.trend"), starts[0])]
    windows += [(start + wait, end) for start, end in pairwise([*starts, case.now])]
    found = (_last_aptt(case, since, until) for since, until in windows)
    drawn = [result for result in found if result is not None]
    values = [result.value for result in drawn if result.value is not None]
    if len(values) < len(windows):
        return unknown(Reason("aptt", "noTrend"))
    spread = (max(values) - min(values)) * 100
    if spread >= case.protocol["heparin.plateau_difference"] * min(values):
        return NO
    return yes(evidence(drawn[-1], "s", "plateau"))


def _last_aptt(case: Case, since: datetime, until: datetime) -> Result | None:
    """The last one inside; none where another may be, whose time is not known to the moment."""
    for result in case.results("aptt", earliest(since)):
        inside = within(result.at, since, until, "aptt")
        if not inside.no:
            return result if inside.yes else None
    return None
