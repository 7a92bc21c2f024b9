"""What came of an antithrombin dose: the level that its label let expect, beside the one
measured.
"""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.measure.antithrombin import Antithrombin
from cds_service.assessment.measure.antithrombin_dose import predicted_level
from cds_service.assessment.measure.antithrombin_recovery import ACTIVITY
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import at_or_before
from cds_service.assessment.model.verdict import Evidence


def dose_outcome(case: Case, level: Antithrombin, kg: float | None) -> tuple[Evidence, ...]:
    """The last antithrombin dose, with the level in % that its label let expect.

    Empty where the last dose is no longer felt (`antithrombin_dose.felt_for`) or cannot be read.
    """
    last = level.last_dose
    if last is None or last.start is None or last.start < case.ago("antithrombin_dose.felt_for"):
        return ()
    dose = last.dosage.dose
    if dose is None or dose.unit != "[IU]" or last.dosage.problem is not None:
        return ()
    expected = _expected(case, last.start, dose.value, kg)
    how = "given" if expected is None else "expected"
    start, source = last.start, last.source
    return (Evidence("antithrombinGiven", dose.value, "[IU]", start, source, how, figure=expected),)


def _expected(case: Case, given: datetime, units: float, kg: float | None) -> float | None:
    """The level in % that a dose should have reached, from the newest one drawn before it."""
    levels = (v for v in case.plain(ACTIVITY) if at_or_before(v.at, given, ACTIVITY).yes)
    before = next(levels, None)
    return predicted_level(case, before.value, units, kg) if before and kg else None
