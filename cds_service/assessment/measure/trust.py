"""Whether an aPTT or anti-Xa shows heparin's effect, and until when it does not. Clinical logic
2.4.

A test that is disturbed in one direction only still says something: a foreign inhibitor raises an
anti-Xa, so heparin's own share is at most that; bilirubin and free haemoglobin lower it, so
heparin's share is at least that. Whether a sample was drawn too early is decided elsewhere
(`heparin_levels.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_service.assessment.measure.attribution import exposed, foreign_to_heparin, washed_out
from cds_service.assessment.measure.current_result import newest_result
from cds_service.assessment.measure.doses_given import spans
from cds_service.assessment.measure.exposure import first_exposure
from cds_service.assessment.measure.history import has_condition
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import YES, Reason, Verdict, unknown
from cds_service.chart.facts import Result
from cds_service.chart.fhir_datetime import earliest, latest

_OTHERS = ("dti", "vka", "oralXa", "oralThrombin", "lmwh", "fondaparinux", "danaparoid")


@dataclass(frozen=True, slots=True)
class Trust:
    """`usable` is yes where a level shows heparin's own effect; else it says why not, `until` till
    when.
    """

    usable: Verdict
    until: datetime | None = None
    at_most: bool = False  # disturbed upwards only
    at_least: bool = False  # disturbed downwards only


_TRUSTED = Trust(YES)


def anti_xa_trust(case: Case, result: Result, *, slow: bool) -> Trust:
    """Whether an anti-Xa holds another drug's effect, or reads low for its plasma's colour.

    `slow`: the kidneys clear slowly, so that other drugs act for longer.
    """
    foreign = foreign_to_heparin(case, result, slow=slow)
    # Another inhibitor only raises the reading: a level that is low even so is low.
    if foreign is not None:
        until = washed_out(case, foreign, result, slow=slow)
        return Trust(unknown(foreign), until, at_most=True)
    low = _reads_low(case, result)
    return _TRUSTED if low is None else Trust(unknown(low), at_least=True)


def _reads_low(case: Case, result: Result) -> Reason | None:
    """Why the plasma's colour lowers a chromogenic anti-Xa, which is measured by colour; None if
    nothing.
    """
    if result.hemolysed:  # The laboratory's own flag: no threshold of free haemoglobin is needed.
        return Reason("anti_xa", "hemolysed")
    pigments = (
        ("bilirubin", "trust.bilirubin_within", "trust.bilirubin_line", "icteric"),
        ("plasma_hemoglobin", "trust.hemoglobin_within", "trust.hemoglobin_line", "freeHemoglobin"),
    )
    for concept, within, line, why in pigments:
        value = _in_effect(case, concept, result, case.protocol.span(within))
        if value is not None and value >= case.protocol[line]:
            return Reason("anti_xa", why)
    return None


def _in_effect(case: Case, concept: str, result: Result, within: timedelta) -> float | None:
    """The newest value of a span before a draw; while the level is current, also one after it.

    A newer value on the other side of the line so ends the doubt.
    """
    drawn = result.at or case.now
    recent = drawn >= case.ago("levels.current")
    until, since = (case.now if recent else latest(drawn)), earliest(drawn) - within
    return next((one.value for one in case.readable(concept, since) if one.at <= until), None)


def aptt_trust(case: Case, result: Result, *, prolonged: bool) -> Trust:
    """Whether an aPTT is prolonged by something else than heparin, or measured with heparin
    removed.

    `prolonged`: the last aPTT before heparin was prolonged already.
    """
    drawn = result.at or case.now
    if result.heparinase:  # Heparin was removed in the tube: the time shows everything but heparin.
        return Trust(unknown(Reason("aptt", "heparinase")))
    for family, row in (("dti", "trust.dti_within"), ("thrombolytic", "trust.lysis_within")):
        span = case.protocol.span(row)
        if exposed(case, (family,), drawn, span):
            return Trust(unknown(Reason("aptt", family)), _over(case, family, drawn, span))
    why = "prolongedBaseline" if prolonged else _prolonged(case, drawn)
    return _TRUSTED if why is None else Trust(unknown(Reason("aptt", why)))


def _over(case: Case, family: str, drawn: datetime, span: timedelta) -> datetime | None:
    """When a drug's effect has passed; None where it may still run."""
    ends = [latest(until) for _, start, until in spans(case, family) if start <= drawn]
    last = max(ends, default=None)
    return None if last is None or last >= case.now else last + span


def _prolonged(case: Case, drawn: datetime) -> str | None:
    if has_condition(case, "lupus_anticoagulant"):
        return "lupus"
    if _warfarin_acts(case, drawn):
        return "warfarin"
    fibrinogen = _in_effect_at(case, "fibrinogen", drawn)
    if fibrinogen is not None and fibrinogen < case.protocol["trust.fibrinogen_low"]:
        return "lowFibrinogen"
    return None


def baseline_prolonged(case: Case) -> bool:
    """Whether the last aPTT before this heparin, with no anticoagulant on board, was prolonged.

    The line is `levels.aptt_baseline_prolonged`, in seconds.
    """
    first = first_exposure(case)
    if first is None:
        return False
    last = next(_before_heparin(case, first), None)
    if last is None or last.at is None or last.value is None:
        return False
    # Prolonged by a drug that has gone since: no lasting feature of this patient's plasma.
    if exposed(case, _OTHERS, last.at, case.protocol.span("attribution.oral_xa")):
        return False
    return last.value > case.protocol["levels.aptt_baseline_prolonged"]


def baseline_of(case: Case) -> float | None:
    """The patient's own aPTT before heparin in seconds, where one is on record."""
    first = first_exposure(case)
    found = () if first is None else tuple(_before_heparin(case, first))
    return found[0].value if found else None


def _before_heparin(case: Case, first: datetime) -> Iterator[Result]:
    """aPTT results of `trust.baseline_within` before the first heparin, newest first.

    One drawn under a standing order is none: the order outlives the days that charting is asked
    for.
    """
    wait = case.protocol.span("levels.aptt_steady")
    since = first - case.protocol.span("trust.baseline_within")
    under = [o.authored + wait for o in case.active_orders("heparin") if o.authored]
    for result in case.results("aptt", since):
        drawn = result.at
        if drawn is not None and drawn < first and not any(drawn >= begun for begun in under):
            yield result


def _warfarin_acts(case: Case, drawn: datetime) -> bool:
    inr = _in_effect_at(case, "inr", drawn)
    # Warfarin ordered today does not prolong an aPTT yet: only with a raised, or unreadable, INR.
    raised = inr is not None and inr > case.protocol["levels.inr_raised"]
    unread = newest_result(case, "inr", "coagulation", "acute_phase.current", "1").refused
    return (raised or bool(unread)) and bool(case.active_orders("vka") or case.given("vka"))


def _in_effect_at(case: Case, concept: str, drawn: datetime) -> float | None:
    """The newest value of the last days that was drawn by then, else the first after it."""
    since = earliest(drawn) - case.protocol.span("acute_phase.current")
    values = list(case.readable(concept, since))
    first_after = values[-1] if values else None
    by_then = next((one for one in values if one.at <= latest(drawn)), None)
    chosen = by_then or first_after
    return chosen.value if chosen else None
