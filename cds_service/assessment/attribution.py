"""Whether an anti-Xa result can be heparin's: what else inhibits factor Xa in this patient.

Clinical logic 2, "Attribution". A query that failed leaves it open, and open is not heparin's.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from cds_service.assessment.answers import Reason
from cds_service.assessment.case import NOT_ORDERS, Case
from cds_service.chart.facts import Administration, Order, Result

LONG_ACTING = ("fondaparinux", "danaparoid")
# A laboratory may report a level of another drug under the code of unfractionated heparin.
OTHERS_NAMED = re.compile(
    r"\blmwh\b|\blow[ -]molecular\b|\blow mol\b|parinux\b|danaparoid|xaban\b"
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
    if not case.answered("administrations", "orders"):
        return Reason("anti_xa", "medicinesUnknown")
    spans = {
        ("oralXa",): "attribution.oral_xa_renal" if slow else "attribution.oral_xa",
        ("lmwh",): "attribution.lmwh_renal" if slow else "attribution.lmwh",
        LONG_ACTING: "attribution.long_acting",
    }
    for families, key in spans.items():
        if exposed(case, families, result.at, case.protocol.span(key)):
            return Reason("anti_xa", f"foreign.{families[0]}")
    return None


def exposed(case: Case, families: tuple[str, ...], drawn: datetime, span: timedelta) -> bool:
    """Whether a drug of these families was given, ordered or taken at home before a draw."""
    given = any(_acts(row, drawn, span) for row in case.given(*families))
    return given or any(
        _ordered(case, order, drawn, span)
        for order in case.chart.orders
        if order.drug.family in families and order.intent not in NOT_ORDERS
    )


def _acts(row: Administration, drawn: datetime, span: timedelta) -> bool:
    if row.start is None or row.start > drawn:
        return False
    last = row.end or row.start
    return drawn - last < span or (row.end is None and not row.point)


def _ordered(case: Case, order: Order, drawn: datetime, span: timedelta) -> bool:
    if order.home:
        return _taken_at_home(case, order, drawn)
    if order.authored is None or order.authored > drawn:
        return order.active and order.authored is None
    return order.active or drawn - order.authored < span


def _taken_at_home(case: Case, order: Order, drawn: datetime) -> bool:
    """A home medicine counts until it has washed out after the admission, if that is known."""
    if order.status not in ("active", "completed", "stopped", "on-hold", "unknown"):
        return False
    if case.chart.admitted is None:
        return order.active
    return drawn - case.chart.admitted < case.protocol.span("attribution.home_medicine")
