"""The weight by which heparin rates are judged: that of the whole course, not of each morning.

Fluid moves a patient's weight by some kilograms a day; a line crossed by that alone would make
findings come and go. Antithrombin doses and clearances take the newest weight. Clinical logic 2.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cds_service.assessment.measure.active_orders import infusion_orders
from cds_service.assessment.measure.doses_given import spans
from cds_service.assessment.measure.weight import Weight
from cds_service.assessment.model.case import Case, DatedValue, evidence
from cds_service.chart.facts import Form, Use
from cds_service.chart.fhir_datetime import earliest, latest


def course_began(case: Case) -> datetime | None:
    """When this course of treatment heparin began, by the first charted row or standing order."""
    charted = (
        (start, until)
        for row, start, until in spans(case, "heparin")
        if row.form is Form.INFUSION and row.use is Use.THERAPY
    )
    start = _first_start(charted, case.protocol.span("heparin.course_gap"))
    ordered = [order.begun for order in infusion_orders(case)]
    return min((at for at in (start, *ordered) if at is not None), default=None)


def _first_start(
    newest_first: Iterable[tuple[datetime, datetime]], gap: timedelta
) -> datetime | None:
    """The start of the oldest row that no longer gap parts from the newest."""
    start: datetime | None = None
    for begun, until in newest_first:
        if start is not None and earliest(start) - latest(until) > gap:
            break
        start = begun
    return start


def course_weight(case: Case, newest: Weight, began: datetime | None) -> Weight:
    """The newest weight at the start of the course, else the first after it.

    A later one replaces it once it differs by at least `weight.course_change` percent.
    """
    measured = list(case.readable("weight", case.ago("weight.current")))
    if began is None or not measured or not _is_measured(newest):
        return newest
    chosen = _at_start(measured, began)  # Orders and first rates were worked out with that weight.
    for later in reversed(measured[: measured.index(chosen)]):
        if _moved(case, chosen, later):
            chosen = later
    return Weight(newest.known, chosen.value, evidence(chosen.result, "kg"))


def _is_measured(weight: Weight) -> bool:
    """Whether a weight is known and was measured: one only stated is not compared with others."""
    return weight.kg is not None and weight.evidence is not None and not weight.evidence.how


def _at_start(newest_first: list[DatedValue], began: datetime) -> DatedValue:
    return next((one for one in newest_first if one.at <= began), newest_first[-1])


def _moved(case: Case, chosen: DatedValue, later: DatedValue) -> bool:
    change = abs(later.value - chosen.value) * 100
    return change >= case.protocol["weight.course_change"] * chosen.value
