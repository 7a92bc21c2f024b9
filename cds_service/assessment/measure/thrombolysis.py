"""Thrombolytics of the last day: whether their dose lyses clots in the whole body."""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.model.case import HOUR, Case
from cds_service.assessment.model.verdict import NO, Evidence, Reason, Verdict, unknown, yes
from cds_service.chart.facts import Administration
from cds_service.chart.fhir_datetime import latest

_FAMILY = "thrombolytic"
_MEASURED = {
    "alteplase": "bleeding.lysis_alteplase",
    "tenecteplase": "bleeding.lysis_tenecteplase",
}


def lysed(case: Case) -> Verdict:
    """Whether the doses of the last day together reach the drug's line in mg.

    Clearing a catheter takes less than the line. A dose that is not known counts as treatment, and
    so does any dose of a drug without a line.
    """
    since = case.ago("bleeding.lysis_within")
    rows = [a for a in case.given(_FAMILY) if latest(_end(case, a)) >= since]
    # Added up over drugs: half a line of each is as much as one of either.
    if sum(_share(case, a, since) for a in rows) >= 1:
        return yes(*(_fact(a) for a in rows))
    if not case.is_complete("administrations"):
        return unknown(Reason("thrombolytic", case.state("administrations").value))
    return NO


def _end(case: Case, row: Administration) -> datetime:
    if row.end is not None:
        return row.end
    open_rate = row.dosage.rate is not None and not row.point
    return case.now if open_rate or row.start is None else row.start


def _share(case: Case, row: Administration, since: datetime) -> float:
    """Which part of the line a row reaches: 1 is all of it."""
    line = _MEASURED.get(row.drug.key)
    dose, rate = row.dosage.dose, row.dosage.rate
    # Assume the whole of it: a dose that nobody can read must not pass for a catheter's.
    if line is None or row.dosage.problem is not None:
        return 1.0
    if dose is not None and dose.unit == "mg":
        return dose.value / case.protocol[line]
    if rate is not None and rate.unit == "mg/h" and row.start is not None:
        hours = max((_end(case, row) - max(row.start, since)) / HOUR, 0.0)
        return rate.value * hours / case.protocol[line]
    return 1.0


def _fact(row: Administration) -> Evidence:
    dose = row.dosage.dose
    milligrams = dose.value if dose is not None and dose.unit == "mg" else 0.0
    unit = "mg" if milligrams else ""
    written = row.drug.label or row.drug.key
    return Evidence(_FAMILY, milligrams, unit, row.start, row.source, "given", written=written)
