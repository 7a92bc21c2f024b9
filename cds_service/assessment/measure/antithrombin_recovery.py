"""By how much an antithrombin dose raised the level in this very patient. Clinical logic 8."""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.measure.doses_given import unplaced
from cds_service.assessment.model.case import Case, DatedValue
from cds_service.assessment.model.times import at_or_before, before, within
from cds_service.chart.facts import Administration

ACTIVITY = "antithrombin"
DOSE = "antithrombinDose"


def measured_recovery(case: Case, kg: float) -> float | None:
    """Recovery measured in this patient, in % per IU/kg: (post - pre) x kg / dose.

    Only of a single dose with a level before it and one after it, in the times that the protocol
    allows; kept within the published range. None where that is not on record.
    """
    last = next(iter(case.given("antithrombin")), None)
    if last is None or last.start is None:
        return None
    dose = _units(last, kg)
    pre, post = _level_before(case, last.start), _level_after(case, last.end or last.start)
    # With a second dose between the levels nobody can tell which one raised it.
    if not dose or pre is None or post is None or not _is_only_dose_since(case, pre):
        return None
    lowest = case.protocol["antithrombin_dose.recovery_lowest"]
    highest = case.protocol["antithrombin_dose.recovery_highest"]
    return min(max((post.value - pre.value) * kg / dose, lowest), highest)


def _level_after(case: Case, ended: datetime) -> DatedValue | None:
    """The first level after a dose, drawn once it has spread and before it is used up."""
    first = ended + case.protocol.span("antithrombin_dose.post_level_from")
    final = ended + case.protocol.span("antithrombin_dose.post_level_to")
    found = [v for v in case.plain(ACTIVITY) if within(v.at, first, final, ACTIVITY).yes]
    return found[-1] if found else None


def _level_before(case: Case, dose: datetime) -> DatedValue | None:
    """The newest level before a dose, if it could have been dosed by."""
    found = (r for r in case.results(ACTIVITY) if not at_or_before(r.at, dose, ACTIVITY).no)
    pre = next(found, None)
    if pre is None or pre.at is None or pre.value is None or pre.comparator:
        return None
    oldest = dose - case.protocol.span("antithrombin.current")
    in_time = within(pre.at, oldest, dose, ACTIVITY).yes
    return DatedValue(pre.value, pre.at, pre) if in_time else None


def _is_only_dose_since(case: Case, pre: DatedValue) -> bool:
    since = [a for a in case.given("antithrombin") if not before(a.start, pre.at, DOSE).yes]
    return len(since) == 1 and not unplaced(case, "antithrombin")


def _units(row: Administration, kg: float) -> float:
    """IU of a dose given; 0 where it cannot be read."""
    dose = row.dosage.dose
    if dose is None or row.dosage.problem:
        return 0.0
    if dose.unit == "[IU]":
        return dose.value
    return dose.value * kg if dose.unit == "[IU]/kg" else 0.0
