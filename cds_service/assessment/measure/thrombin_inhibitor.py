"""A running thrombin inhibitor: which drug, since when, and the aPTT it may reach.

Clinical logic 6 and 7: argatroban and bivalirudin are followed by the aPTT against the patient's
own one from before any anticoagulant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.measure.exposure import first_exposure
from cds_service.assessment.measure.single_infusion import dti_runs
from cds_service.assessment.model.case import Case, evidence
from cds_service.assessment.model.verdict import Evidence
from cds_service.chart.facts import Administration, Order

FAMILY = "dti"
HIGHEST = {
    "argatroban": "switch.argatroban_target_high",
    "bivalirudin": "switch.bivalirudin_target_high",
}
LOWEST = {
    "argatroban": "switch.argatroban_target_low",
    "bivalirudin": "switch.bivalirudin_target_low",
}


@dataclass(frozen=True, slots=True)
class Inhibitor:
    """What runs; times are those charted, else those of the order."""

    drug: str
    source: str
    since: datetime | None  # its start
    changed: datetime | None  # its start or last change of the rate
    low: float  # s; 0 where no aPTT from before it is known
    high: float  # s
    after_heparin: bool


def read_inhibitor(case: Case) -> Inhibitor | None:
    """The thrombin inhibitor that runs, if one does."""
    if not dti_runs(case):
        return None
    rows = [a for a in case.given(FAMILY) if a.start is not None]
    orders = case.active_orders(FAMILY)
    newest: Administration | Order = rows[0] if rows else orders[0]
    starts = [a.start for a in rows if a.drug.key == newest.drug.key and a.start]
    starts += [] if rows else [o.authored for o in orders[:1] if o.authored]
    since = min(starts, default=None)
    low, high = _range(case, newest.drug.key, since)
    return Inhibitor(
        drug=newest.drug.key,
        source=newest.source,
        since=since,
        changed=_changed(rows, newest.drug.key) or since,
        low=low,
        high=high,
        after_heparin=first_exposure(case) is not None,
    )


def _changed(rows: list[Administration], drug: str) -> datetime | None:
    """When the newest rate began: of rows at one rate the oldest."""
    own = [a for a in rows if a.drug.key == drug]
    newest = own[0] if own else None
    changed = newest.start if newest else None
    for row in own:
        if newest is None or row.dosage.rate != newest.dosage.rate:
            break
        changed = row.start
    return changed


def _range(case: Case, drug: str, since: datetime | None) -> tuple[float, float]:
    """The aPTT to reach, in s: by the one from before any anticoagulant, at most the fixed line."""
    line = case.protocol["levels.aptt_high"]
    before = baseline_aptt(case, since)
    if before is None or drug not in HIGHEST:
        return 0.0, line
    low, high = case.protocol[LOWEST[drug]], case.protocol[HIGHEST[drug]]
    return before.value * low, min(before.value * high, line)


def baseline_aptt(case: Case, since: datetime | None) -> Evidence | None:
    """The newest aPTT from before heparin and the inhibitor, within the days of a baseline."""
    first = min((t for t in (since, first_exposure(case)) if t is not None), default=None)
    if first is None:
        return None
    oldest = first - case.protocol.span("platelets.baseline_before")
    found = [
        r
        for r in case.results("aptt", oldest)
        if r.at is not None and r.at <= first and r.value is not None and not r.comparator
    ]
    return evidence(found[0], "s", "baseline") if found else None
