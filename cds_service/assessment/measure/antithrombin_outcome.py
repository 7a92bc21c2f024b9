"""What came of an antithrombin dose: what its label let expect, beside the level measured since."""

from __future__ import annotations

from cds_service.assessment.measure.antithrombin import Antithrombin, predicted_level
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import at_or_before
from cds_service.assessment.model.verdict import Evidence


def dose_outcome(case: Case, level: Antithrombin, kg: float | None) -> tuple[Evidence, ...]:
    """The last dose of the days in which it is felt, and the level that was to be expected."""
    last = level.last_dose
    if last is None or last.start is None or last.start < case.ago("antithrombin_dose.felt_for"):
        return ()
    dose = last.dosage.dose
    if dose is None or dose.unit != "[IU]" or last.dosage.problem is not None:
        return ()
    results = (r for r in case.results("antithrombin") if r.value is not None and not r.comparator)
    before = next((r for r in results if at_or_before(r.at, last.start, "antithrombin").yes), None)
    expected = None
    if before is not None and before.value is not None and kg:
        expected = predicted_level(case, before.value, dose.value, kg)
    how = "given" if expected is None else "expected"
    start, source = last.start, last.source
    return (Evidence("antithrombinGiven", dose.value, "[IU]", start, source, how, figure=expected),)
