"""Whether an anti-Xa result can be heparin's: what else inhibits factor Xa in this patient.

Clinical logic 2, "Attribution". A query that failed leaves it open, and open is not heparin's.
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
OTHERS_NAMED = re.compile(
    r"\blmwh\b|\bnmh\b|\bhbpm\b|\blow[ -]molecular\b|\blow mol\b|parinux\b|danaparoid|xaban\b"
    r"|\b(enoxa|dalte|tinza|nadro|beni|certo|revi)parin\b",
    re.IGNORECASE,
)


def foreign_to_heparin(case: Case, result: Result | None, *, slow: bool) -> Reason | None:
    """Why an anti-Xa may hold another drug's effect, or None when it is heparin's own.

    `slow`: the kidneys clear slowly, or may do so for all that is known.
    """
    if result is None or result.at is None:
        return None
    if OTHERS_NAMED.search(result.label):
        return Reason("anti_xa", "namesAnother")
    if not case.is_complete("administrations", "orders"):
        return Reason("anti_xa", "medicinesUnknown")
    by_order = _no_administrations_kept(case)
    for families, span in _spans(case, slow=slow):
        if exposed(case, families, result.at, span, by_order=by_order):
            return Reason("anti_xa", f"foreign.{families[0]}")
    return None


def washed_out(case: Case, why: Reason, result: Result, *, slow: bool) -> datetime | None:
    """From when an anti-Xa is heparin's own again; None where the drug may still be given."""
    drawn = latest(result.at or case.now)
    for families, span in _spans(case, slow=slow):
        ends = [latest(until) for _, start, until in spans(case, *families) if start <= drawn]
        last = max(ends, default=None)
        if why.why == f"foreign.{families[0]}" and last is not None and last < case.now:
            return last + span
    return None


def _spans(case: Case, *, slow: bool) -> tuple[tuple[tuple[str, ...], timedelta], ...]:
    """How long each kind of drug is on board."""
    rows = (
        (("oralXa",), "attribution.oral_xa_renal" if slow else "attribution.oral_xa"),
        (("lmwh",), "attribution.lmwh_renal" if slow else "attribution.lmwh"),
        (LONG_ACTING, "attribution.long_acting"),
    )
    return tuple((families, case.protocol.span(row)) for families, row in rows)


def _no_administrations_kept(case: Case) -> bool:
    """Whether orders have to stand in for what was given: by the site, or none is on record."""
    return not (case.protocol.allows("administrations_kept") and case.chart.administrations)


def exposed(
    case: Case,
    families: tuple[str, ...],
    drawn: datetime,
    span: timedelta,
    *,
    by_order: bool = True,
) -> bool:
    """Whether a drug of these families may have been on board at a draw.

    Given or taken at home before it, or with `by_order` ordered and begun; what was given at an
    unknown time counts too.
    """
    first, last = earliest(drawn), latest(drawn)
    given = any(
        earliest(start) <= last and first - latest(until) < span
        for _, start, until in spans(case, *families)
    )
    return (
        given
        or bool(unplaced(case, *families))
        or any(
            (by_order or order.home) and _ordered(case, order, drawn, span)
            for order in case.chart.orders
            if order.drug.family in families and order.intent not in NOT_ORDERS
        )
    )


def _ordered(case: Case, order: Order, drawn: datetime, span: timedelta) -> bool:
    if order.home:
        return _taken_at_home(case, order, drawn)
    if order.authored is None or earliest(order.authored) > latest(drawn):
        return order.active and order.authored is None
    return order.active or earliest(drawn) - latest(order.authored) < span


def _taken_at_home(case: Case, order: Order, drawn: datetime) -> bool:
    """A home medicine counts until it has washed out after the admission, if that is known."""
    if order.status not in ("active", "completed", "stopped", "on-hold", "unknown"):
        return False
    if case.chart.admitted is None:
        return order.active
    washed_out = latest(case.chart.admitted) + case.protocol.span("attribution.home_medicine")
    return earliest(drawn) < washed_out
