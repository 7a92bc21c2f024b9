"""Age, the acute phase, and whether a test was measured lately. Clinical logic 2."""

from __future__ import annotations

from cds_service.assessment.measure.current_result import newest_result
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import at_or_after
from cds_service.assessment.model.verdict import (
    NO,
    Verdict,
    any_of,
    unknown,
)


def age_in_years(case: Case) -> int | None:
    """Completed years, or None without a birth date."""
    born = case.chart.person.birth_date
    if born is None:
        return None
    today = case.now.date()
    # One less before this year's birthday.
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def acute_phase(case: Case) -> Verdict:
    """Raised fibrinogen or factor VIII; not claimed in pregnancy, where both are raised."""
    fibrinogen = newest_result(case, "fibrinogen", "coagulation", "acute_phase.current", "mg/dL")
    factor = newest_result(case, "factor_viii", "coagulation", "acute_phase.current", "%")
    return any_of(
        fibrinogen.above(case.protocol["acute_phase.fibrinogen_high"]),
        factor.above(case.protocol["acute_phase.factor_viii_high"]),
    )


def was_measured(case: Case, concept: str, span: str) -> Verdict:
    """Whether a test was measured within a span (a protocol row); an unreadable result is none.

    Unknown where another result may be newer than the newest dated one.
    """
    result, doubt = case.newest(concept)
    if doubt is not None:
        return unknown(doubt)
    if result is None or (result.value is None and result.positive is None):
        return NO
    return at_or_after(result.at, case.ago(span), concept)
