"""What the infusion and its levels did over days: escalation, plateau, clots on heparin.

Clinical logic 3. The review's classic triad (R23, R24, R25).
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from cds_service.assessment.answers import NO, Evidence, Reason, Verdict, unknown, yes
from cds_service.assessment.case import Case, evidence
from cds_service.assessment.dose import HOURS_A_DAY, per_kg_h
from cds_service.assessment.exposure import first_exposure
from cds_service.assessment.four_ts import THROMBOSES
from cds_service.assessment.infusion import Infusion, Segment, differs
from cds_service.assessment.times import within
from cds_service.chart.facts import Condition, Result
from cds_service.chart.instants import earliest


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


def thrombosis_on_heparin(case: Case) -> Verdict:
    """A clot that began a day or more into heparin and within the week (R25)."""
    found = [c for c in case.chart.conditions if c.concept in THROMBOSES and c.active is not False]
    first = first_exposure(case)
    clots = [c for c in found if first is not None and _on_heparin(case, c, first)]
    if clots:
        return yes(*(Evidence("thrombosis", 0.0, "", c.onset, c.source, "onset") for c in clots))
    undated = [c for c in found if c.onset is None and _may_be_new(case, c.recorded)]
    if undated and first is not None:
        return unknown(Reason("thrombosis", "noOnset"))
    if not case.answered("conditions"):
        return unknown(Reason("conditions", case.state("conditions").value))
    new = undated or [c for c in found if c.onset is not None and _may_be_new(case, c.onset)]
    if new and not case.answered("administrations", "orders"):
        return unknown(Reason("thrombosis", "medicinesUnknown"))
    return NO


def _on_heparin(case: Case, condition: Condition, first: datetime) -> bool:
    onset = condition.onset
    return (
        onset is not None
        and case.known_by_now(onset)
        and onset >= first + case.protocol.span("thrombosis.after_start")
        and onset >= case.ago("thrombosis.within")
    )


def _may_be_new(case: Case, at: datetime | None) -> bool:
    return at is None or at >= case.ago("thrombosis.within")
