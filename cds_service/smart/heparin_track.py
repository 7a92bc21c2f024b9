"""Heparin over time as the page draws it: the rate in steps, each infusion, and what was given.

What the spine made of the record, not what the record says: a rate nobody can tell stays untold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Any

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.segments import Segment
from cds_service.cards.reason_words import reason, reasons
from cds_service.cards.wording import Wording
from cds_service.chart.facts import Administration
from cds_service.smart.display import iso, unescaped

SYSTEMIC = "systemic"
SHOWN_DOSES = 60  # the newest; a page that draws more can be read by nobody


def heparin_track(
    m: Measured, wording: Wording, clock: tzinfo | None, since: datetime
) -> dict[str, Any]:
    """The sum of all infusions in steps, and each by itself where there are several."""
    kg = m.course_weight.kg
    lines = m.infusion.lines if len(m.infusion.lines) > 1 else ()
    return {
        "steps": list(_steps(m.infusion.segments, kg, wording, clock, since)),
        "lines": [
            {
                "label": wording.facts.get(f"rate_{line.site or SYSTEMIC}", line.site),
                "steps": list(_steps(line.segments, kg, wording, clock, since)),
            }
            for line in lines
        ],
        "running": m.infusion.running.truth.value,
        "rate": m.infusion.rate,
        "perKg": _per_kg(m.infusion.rate, kg),
        "because": unescaped(reasons(wording, m.infusion.reasons)),
        "byOrder": m.infusion.by_order,
        "weight": kg,
    }


def _steps(
    segments: Iterable[Segment],
    kg: float | None,
    wording: Wording,
    clock: tzinfo | None,
    since: datetime,
) -> Iterator[dict[str, Any]]:
    for one in segments:
        if one.end is not None and one.end <= since:
            continue
        yield {
            "from": iso(one.start, clock),
            "to": None if one.end is None else iso(one.end, clock),
            "rate": one.rate if one.state_known else None,
            "perKg": _per_kg(one.rate if one.state_known else None, kg),
            "because": unescaped(reason(wording, one.why)) if one.why else "",
        }


def _per_kg(rate: float | None, kg: float | None) -> float | None:
    return rate / kg if rate is not None and kg else None


def doses_given(
    m: Measured, wording: Wording, clock: tzinfo | None, since: datetime
) -> list[dict[str, Any]]:
    """Boluses of heparin, and every other anticoagulant, antidote and antithrombin; newest last."""
    found = [
        (bolus.at, {"what": "heparin", "kind": "bolus", "amount": f"{bolus.units:,.0f} U"})
        for bolus in m.infusion.boluses
    ]
    found += [(at, _dose(row, wording, clock)) for at, row in _others(m)]
    shown = sorted((one for one in found if one[0] >= since), key=lambda one: one[0])
    return [{"at": iso(at, clock), **told} for at, told in shown[-SHOWN_DOSES:]]


def _others(m: Measured) -> Iterator[tuple[datetime, Administration]]:
    """What was given beside heparin, as far as it is dated and not ahead."""
    for row in m.case.chart.administrations:
        given = row.given is not False and row.drug.family != "heparin"
        if given and row.start is not None and m.case.known_by_now(row.start):
            yield row.start, row


def _dose(row: Administration, wording: Wording, clock: tzinfo | None) -> dict[str, Any]:
    told = {
        "what": wording.drug(row.drug.key),
        "kind": "antithrombin" if row.drug.family == "antithrombin" else "other",
        "amount": row.dosage.written,
    }
    return told if row.end is None else told | {"to": iso(row.end, clock)}
