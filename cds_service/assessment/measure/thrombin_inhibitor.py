"""A running thrombin inhibitor: which drug, since when, and the aPTT it may reach.

Argatroban and bivalirudin are followed by the aPTT as a multiple of the patient's own one from
before any anticoagulant. Clinical logic 6 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.measure.exposure import first_exposure
from cds_service.assessment.measure.single_infusion import dti_runs
from cds_service.assessment.model.case import Case, evidence
from cds_service.assessment.model.verdict import Evidence
from cds_service.chart.facts import Administration, Order

_FAMILY = "dti"
_HIGHEST = {
    "argatroban": "switch.argatroban_target_high",
    "bivalirudin": "switch.bivalirudin_target_high",
}
_LOWEST = {
    "argatroban": "switch.argatroban_target_low",
    "bivalirudin": "switch.bivalirudin_target_low",
}


@dataclass(frozen=True, slots=True)
class Inhibitor:
    """The inhibitor that runs; its times are those charted, else those of the order."""

    drug: str
    source: str
    since: datetime | None  # its start
    changed: datetime | None  # its start or last change of the rate
    low: float  # s; 0 where no aPTT from before it is known
    high: float  # s
    after_heparin: bool


def read_inhibitor(case: Case) -> Inhibitor | None:
    """The thrombin inhibitor that runs; None where none does."""
    if not dti_runs(case):
        return None
    rows = [a for a in case.given(_FAMILY) if a.start is not None]
    orders = case.active_orders(_FAMILY)
    newest: Administration | Order = rows[0] if rows else orders[0]
    drug = newest.drug.key
    since = _began(rows, drug) if rows else orders[0].authored
    low, high = _range(case, drug, since)
    return Inhibitor(
        drug=drug,
        source=newest.source,
        since=since,
        changed=_changed(rows, drug) or since,
        low=low,
        high=high,
        after_heparin=first_exposure(case) is not None,
    )


def _began(rows: list[Administration], drug: str) -> datetime | None:
    return min((row.start for row in rows if row.drug.key == drug and row.start), default=None)


def _changed(rows: list[Administration], drug: str) -> datetime | None:
    """When the newest rate began: the start of the oldest row, in one go, that states it."""
    own = [a for a in rows if a.drug.key == drug]
    newest = own[0] if own else None
    changed = newest.start if newest else None
    for row in own:
        # Rows are charted hourly at one rate: the change is where that rate was first charted.
        if newest is None or row.dosage.rate != newest.dosage.rate:
            break
        changed = row.start
    return changed


def _range(case: Case, drug: str, since: datetime | None) -> tuple[float, float]:
    """The lowest and highest aPTT in s: multiples of the one before any anticoagulant, capped.

    Without such an aPTT only the fixed line `levels.aptt_high` stands.
    """
    line = case.protocol["levels.aptt_high"]
    before = baseline_aptt(case, since)
    # Without a baseline only the fixed ceiling is known.
    if before is None or drug not in _HIGHEST:
        return 0.0, line
    low, high = case.protocol[_LOWEST[drug]], case.protocol[_HIGHEST[drug]]
    return before.value * low, min(before.value * high, line)


def baseline_aptt(case: Case, since: datetime | None) -> Evidence | None:
    """The newest aPTT from before heparin and the inhibitor, within the days of a baseline."""
    first = min((t for t in (since, first_exposure(case)) if t is not None), default=None)
    if first is None:
        return None
    oldest = first - case.protocol.span("platelets.baseline_before")
    found = next((one for one in case.plain("aptt", oldest) if one.at <= first), None)
    return evidence(found.result, "s", "baseline") if found else None
