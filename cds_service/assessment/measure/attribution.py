"""Whether an anti-Xa result is heparin's, or another factor Xa inhibitor's that this patient has
had.

Where the queries for medicines failed this is unknown, and the result does not count as heparin's.
Clinical logic 2, "Attribution".
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from cds_service.assessment.measure.doses_given import spans, unplaced
from cds_service.assessment.model.case import NOT_ORDERS, Case
from cds_service.assessment.model.verdict import Reason
from cds_service.chart.facts import Order, Result
from cds_service.chart.fhir_datetime import earliest, latest

LONG_ACTING = ("fondaparinux", "danaparoid")
# A laboratory may report a level of another drug under the code of unfractionated heparin.
_OTHERS_NAMED = re.compile(
    r"\blmwh\b|\bnmh\b|\bhbpm\b|\blow[ -]molecular\b|\blow mol\b|parinux\b|danaparoid|xaban\b"
    r"|\b(enoxa|dalte|tinza|nadro|beni|certo|revi)parin\b",
    re.IGNORECASE,
)


def foreign_to_heparin(case: Case, result: Result | None, *, slow: bool) -> Reason | None:
    """Why an anti-Xa may hold another drug's effect; None where it is heparin's own.

    `slow`: the kidneys clear slowly, or may do so for all that is known.
    """
    if result is None or result.at is None:
        return None
    # The code says unfractionated heparin; the laboratory's own words say another drug's
    # calibration.
    if _OTHERS_NAMED.search(result.label):
        return Reason("anti_xa", "namesAnother")
    if not case.is_complete("administrations", "orders"):
        return Reason("anti_xa", "medicinesUnknown")
    by_order = _no_administrations_kept(case)
    for families, span in _spans(case, slow=slow):
        if exposed(case, families, result.at, span, by_order=by_order):
            return Reason("anti_xa", f"foreign.{families[0]}")
    return None


def washed_out(case: Case, why: Reason, result: Result, *, slow: bool) -> datetime | None:
    """From when an anti-Xa is heparin's own again; None where the other drug may still be given."""
    drawn = latest(result.at or case.now)
    for families, span in _spans(case, slow=slow):
        ends = [latest(until) for _, start, until in spans(case, *families) if start <= drawn]
        last = max(ends, default=None)
        if why.why == f"foreign.{families[0]}" and last is not None and last < case.now:
            return last + span
    return None


def _spans(case: Case, *, slow: bool) -> tuple[tuple[tuple[str, ...], timedelta], ...]:
    """How long after a dose each kind of drug is on board, by its protocol row."""
    rows = (
        (("oralXa",), "attribution.oral_xa_renal" if slow else "attribution.oral_xa"),
        (("lmwh",), "attribution.lmwh_renal" if slow else "attribution.lmwh"),
        (LONG_ACTING, "attribution.long_acting"),
    )
    return tuple((families, case.protocol.span(row)) for families, row in rows)


def _no_administrations_kept(case: Case) -> bool:
    """Whether orders stand in for administrations: the site keeps none, or none are on record."""
    return not (case.protocol.allows("administrations_kept") and case.chart.administrations)


def exposed(
    case: Case,
    families: tuple[str, ...],
    drawn: datetime,
    span: timedelta,
    *,
    by_order: bool = True,
) -> bool:
    """Whether a drug of these families may have been on board when a sample was drawn.

    True where one was given or taken at home within `span` before, or with `by_order` ordered and
    begun. A dose without a usable time counts too: it may be that one.
    """
    orders = [o for o in _orders_of(case, families) if by_order or o.home]
    return (
        _given_within(case, families, drawn, span)
        or bool(unplaced(case, *families))
        or any(_ordered(case, order, drawn, span) for order in orders)
    )


def _given_within(case: Case, families: tuple[str, ...], drawn: datetime, span: timedelta) -> bool:
    first, last = earliest(drawn), latest(drawn)
    return any(
        earliest(start) <= last and first - latest(until) < span
        for _, start, until in spans(case, *families)
    )


def _orders_of(case: Case, families: tuple[str, ...]) -> list[Order]:
    return [
        order
        for order in case.chart.orders
        if order.drug.family in families and order.intent not in NOT_ORDERS
    ]


def _ordered(case: Case, order: Order, drawn: datetime, span: timedelta) -> bool:
    # Home medicines are not charted here: they count from the admission, if it is known.
    if order.home:
        return _taken_at_home(case, order, drawn)
    if order.authored is None or earliest(order.authored) > latest(drawn):
        return order.active and order.authored is None
    return order.active or earliest(drawn) - latest(order.authored) < span


def _taken_at_home(case: Case, order: Order, drawn: datetime) -> bool:
    """Whether a home medicine had not washed out at a draw, counted from the admission, if
    known.
    """
    if order.status not in ("active", "completed", "stopped", "on-hold", "unknown"):
        return False
    # Without an admission date an active home medicine may have been taken this morning.
    if case.chart.admitted is None:
        return order.active
    washed_out = latest(case.chart.admitted) + case.protocol.span("attribution.home_medicine")
    return earliest(drawn) < washed_out
