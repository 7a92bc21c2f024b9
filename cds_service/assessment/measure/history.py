"""Short questions about problems, procedures and circuits on record.

A condition counts while active or without a status; chronic ones without a limit of time. Refuted,
entered-in-error and family history never reach the chart.
"""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import Reason
from cds_service.chart.facts import Condition, Procedure

ECMO = ("ecmo", "vv_ecmo")


def conditions(case: Case, *concepts: str) -> tuple[Condition, ...]:
    """Active conditions of these kinds, whatever their age."""
    return tuple(
        c
        for c in case.chart.conditions
        if c.concept in concepts and c.active is not False and c.abated is None
    )


def has_condition(case: Case, *concepts: str) -> bool:
    """Whether any of these conditions is active."""
    return bool(conditions(case, *concepts))


def recent_conditions(case: Case, span: str, *concepts: str) -> tuple[Condition, ...]:
    """Active conditions recorded or begun within a span (a protocol row); undated ones count."""
    since = case.ago(span)
    return tuple(c for c in conditions(case, *concepts) if _since(c, since))


def _since(condition: Condition, since: datetime) -> bool:
    dates = [d for d in (condition.onset, condition.recorded) if d is not None]
    # The later of onset and recording: an old problem recorded again is current.
    return not dates or max(dates) >= since


def procedures(case: Case, span: str, *concepts: str) -> tuple[Procedure, ...]:
    """Procedures in progress, or ended (else begun) within a span (a protocol row)."""
    since = case.ago(span)
    return tuple(
        p
        for p in case.chart.procedures
        if p.concept in concepts and (p.in_progress or _ended_since(case, p, since))
    )


def _ended_since(case: Case, procedure: Procedure, since: datetime) -> bool:
    # Without an end its start: most operations are recorded as a moment.
    last = procedure.end or procedure.start
    return last is not None and case.known_by_now(last) and last >= since


def procedures_unread(case: Case) -> tuple[Reason, ...]:
    """Why dialysis and bypass cannot be ruled out; empty where the query for procedures is
    complete.
    """
    if case.is_complete("procedures"):
        return ()
    return (Reason("procedures", case.state("procedures").value),)


def supports(case: Case, *concepts: str) -> bool:
    """Whether ECMO, CRRT or dialysis is in progress or ended within a day."""
    return bool(procedures(case, "organs.support_recent", *concepts))


def began_on_circuit(case: Case) -> datetime | None:
    """Start of the newest circuit that still runs."""
    running = procedures(case, "risk.support_recent", *ECMO, "crrt")
    starts = [p.start for p in running if p.start is not None]
    return max(starts, default=None)


def last_surgery(case: Case, *concepts: str) -> datetime | None:
    """When the newest operation of these kinds ended (else began); those in the future are left
    out.
    """
    times = [
        p.end or p.start
        for p in case.chart.procedures
        if p.concept in concepts and case.known_by_now(p.end or p.start)
    ]
    return max((t for t in times if t is not None), default=None)
