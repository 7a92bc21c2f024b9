"""What was given, and until when: for everyone who asks what was on board."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import Reason
from cds_service.chart.facts import Administration, Form, Use
from cds_service.chart.fhir_datetime import latest

Span = tuple[Administration, datetime, datetime]


def spans(case: Case, *families: str) -> tuple[Span, ...]:
    """Every dated row of some families, newest first, with its start and when it was over.

    A single dose is over when it is given, also where its record has an open end. An infusion
    runs to its recorded end, else until the next row of the drug begins; the last one until now,
    a rate charted at a moment only while an order stands or open charting is believed.
    """
    return case.memoized(("spans", families), lambda: tuple(_spans(case, families)))


def _spans(case: Case, families: tuple[str, ...]) -> Iterator[Span]:
    ordered = {o.drug.key for o in case.active_orders(*families)}
    since = case.ago("heparin.administration_window")
    next_start: dict[str, datetime] = {}
    for row in case.given(*families):
        if row.start is None:
            continue
        last = next_start.get(row.drug.key)
        if last is None:
            believed = row.drug.key in ordered or latest(row.start) >= since
            # A rate charted at a moment, days ago and with no order, is no drug that still runs.
            last = case.now if believed or not row.point else None
        yield row, row.start, _over(row, row.start, last)
        next_start[row.drug.key] = row.start


def _over(row: Administration, start: datetime, last: datetime | None) -> datetime:
    if row.end is not None:
        return row.end
    # A rate of zero charts a stop: nothing was given by that row.
    no_rate = row.dosage.rate is not None and row.dosage.rate.value == 0
    if row.form is Form.SINGLE or no_rate or last is None:
        return start
    open_ended = row.form is Form.INFUSION or not row.point
    return max(start, last) if open_ended else start


def unplaced(case: Case, *families: str) -> tuple[Administration, ...]:
    """What was given at a time that is not on record, or at one in the future."""
    return tuple(
        row
        for row in case.chart.administrations
        if row.drug.family in families
        and row.given is not False
        and not case.known_by_now(row.start)
    )


def unplaced_infusions(case: Case) -> tuple[Reason, ...]:
    """Why heparin rates without a usable time leave it open how fast it runs: each may be the
    present one.
    """
    return tuple(
        Reason("heparinDose", "undated" if row.start is None else "ahead", row.dosage.written)
        for row in unplaced(case, "heparin")
        if row.use is Use.THERAPY and row.form is Form.INFUSION
    )
