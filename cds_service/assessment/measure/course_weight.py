"""The weight by which heparin rates are judged: that of this course, not of each morning.

Clinical logic 2.2. Fluid moves a patient's weight by some kilograms a day; a line crossed by it
alone would make findings come and go. Antithrombin doses and clearances take the newest weight.
"""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.measure.active_orders import infusion_orders
from cds_service.assessment.measure.doses_given import spans
from cds_service.assessment.measure.patient_facts import Weight
from cds_service.assessment.model.case import Case, evidence
from cds_service.chart.facts import Form, Result, Use
from cds_service.chart.fhir_datetime import earliest, latest


def course_began(case: Case) -> datetime | None:
    """When this course of treatment heparin began, by the first charted row or standing order."""
    charted = [
        (start, until)
        for row, start, until in spans(case, "heparin")
        if row.form is Form.INFUSION and row.use is Use.THERAPY
    ]
    apart, start = case.protocol.span("heparin.course_gap"), None
    for begun, until in charted:  # newest first
        if start is not None and earliest(start) - latest(until) > apart:
            break
        start = begun
    ordered = [order.begun for order in infusion_orders(case) if order.begun is not None]
    return min((at for at in (start, *ordered) if at is not None), default=None)


def course_weight(case: Case, newest: Weight, began: datetime | None) -> Weight:
    """The newest weight at the start of the course, else the first after it.

    A later one replaces it from a difference of `weight.course_change` per cent on.
    """
    if newest.kg is None or newest.evidence is None or began is None or newest.evidence.how:
        return newest
    since = case.ago("weight.current")
    measured = [r for r in case.results("weight", since) if r.value is not None and r.at]
    if not measured:
        return newest
    chosen = _at_start(measured, began)
    for later in reversed(measured[: measured.index(chosen)]):
        if _moved(case, chosen, later):
            chosen = later
    found = evidence(chosen, "kg")
    return Weight(newest.known, chosen.value, found)


def _at_start(newest_first: list[Result], began: datetime) -> Result:
    before = (r for r in newest_first if r.at is not None and r.at <= began)
    return next(before, newest_first[-1])


def _moved(case: Case, chosen: Result, later: Result) -> bool:
    change = abs((later.value or 0.0) - (chosen.value or 0.0)) * 100
    return change >= case.protocol["weight.course_change"] * (chosen.value or 0.0)
