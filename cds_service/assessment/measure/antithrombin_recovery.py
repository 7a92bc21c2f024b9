"""What an antithrombin dose raised the level by in this very patient. Clinical logic 8."""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.measure.doses_given import unplaced
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import at_or_before, before, within
from cds_service.chart.facts import Amount, Result

ACTIVITY = "antithrombin"
DOSE = "antithrombinDose"


def measured_recovery(case: Case, kg: float) -> float | None:
    """(post - pre) x kg / dose, of the only dose between two levels, within the published range."""
    last = next(iter(case.given("antithrombin")), None)
    if last is None or last.start is None or last.dosage.dose is None or last.dosage.problem:
        return None
    dose = _units(last.dosage.dose, kg)
    pre = _level_before(case, last.start)
    ends = last.end or last.start
    first = ends + case.protocol.span("antithrombin_dose.post_level_from")
    final = ends + case.protocol.span("antithrombin_dose.post_level_to")
    within_time = (r for r in case.results(ACTIVITY) if within(r.at, first, final, ACTIVITY).yes)
    post = [r.value for r in within_time if _is_plain(r)]
    if not dose or pre is None or not post or not _is_only_dose_since(case, pre):
        return None
    rise = (post[-1] or 0) - (pre.value or 0)
    lowest = case.protocol["antithrombin_dose.recovery_lowest"]
    return min(max(rise * kg / dose, lowest), case.protocol["antithrombin_dose.recovery_highest"])


def _level_before(case: Case, dose: datetime) -> Result | None:
    """The newest level before a dose, if it could have been dosed by."""
    found = (r for r in case.results(ACTIVITY) if not at_or_before(r.at, dose, ACTIVITY).no)
    pre = next(found, None)
    if pre is None or pre.at is None or not _is_plain(pre):
        return None
    oldest = dose - case.protocol.span("antithrombin.current")
    return pre if within(pre.at, oldest, dose, ACTIVITY).yes else None


def _is_only_dose_since(case: Case, pre: Result) -> bool:
    since = [a for a in case.given("antithrombin") if not before(a.start, pre.at, DOSE).yes]
    return len(since) == 1 and not unplaced(case, "antithrombin")


def _is_plain(result: Result) -> bool:
    return result.value is not None and not result.comparator


def _units(dose: Amount, kg: float) -> float:
    if dose.unit == "[IU]":
        return dose.value
    return dose.value * kg if dose.unit == "[IU]/kg" else 0.0
