"""What to measure and when: tests before a start, and what is overdue. Clinical logic 5."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_service.assessment.measure.exposure import first_exposure
from cds_service.assessment.measure.history import began_on_circuit
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.patient_facts import was_measured
from cds_service.assessment.measure.rates import is_infusion
from cds_service.assessment.measure.thrombin_inhibitor import Inhibitor
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.recommendation import Indicator, Recommendation
from cds_service.assessment.model.times import at_or_before
from cds_service.assessment.model.verdict import Evidence, Verdicts
from cds_service.assessment.recommend.offers import heparin_in_play, wanted
from cds_service.assessment.recommend.topics.advice import level_tests
from cds_service.assessment.recommend.topics.situation import running_fact
from cds_service.assessment.recommend.topics.topic import Assessed
from cds_service.chart.facts import Result
from cds_service.chart.fhir_datetime import latest

_LEVELS = ("anti_xa", "aptt", "aptt_ratio")


@dataclass(frozen=True, slots=True)
class Watch:
    """One line of the schedule: any of these tests, at this interval, counted from a start."""

    tests: tuple[str, ...]
    order: tuple[str, ...]
    span: str
    since: datetime


def andexanet(known: Assessed) -> Recommendation | None:
    """Heparin does not work after andexanet alfa."""
    m = known.measured
    given = m.risk.andexanet
    if given is None or heparin_in_play(m).no:
        return None
    fact = Evidence("andexanet", 0.0, "", given.start, given.source, "given")
    organs_known = m.organs.renal.no and m.organs.hepatic.no
    return Recommendation(
        indicator=Indicator.CRITICAL,
        facts=(fact, *running_fact(m)),
        notes=("andexanet.rule", "andexanet.starts" if organs_known else "andexanet.organs"),
        limits=("risk.andexanet_within",),
    )


def baseline_tests(known: Assessed) -> Recommendation | None:
    """Heparin is being started in a patient at risk: the tests to have first [R33, R85, R104]."""
    m = known.measured
    if not _starts_at_risk(m):
        return None
    # A test that a failed query may hide is not asked for again.
    complete = m.case.is_complete("coagulation", "blood")
    missing = [c for c in _BASELINE if was_measured(m.case, c, "monitoring.baseline_within").no]
    tests = tuple(missing) if complete else ()
    if not wanted(m.case, *tests):
        return None
    return Recommendation(
        indicator=Indicator.INFO,
        notes=("baseline.rule", "baseline.both", "contributor.risk"),
        tests=tests,
        limits=("monitoring.baseline_within",),
    )


_BASELINE = ("antithrombin", "aptt", "platelets")


def _starts_at_risk(m: Measured) -> bool:
    if not m.drafted or not m.risk.any:
        return False
    return _starting(m) or _circuit_begun(m.case)


def _starting(m: Measured) -> bool:
    standing = any(is_infusion(o) for o in m.case.active_orders("heparin"))
    return m.infusion.running.no and not standing


def _circuit_begun(case: Case) -> bool:
    """ECMO or CRRT began within the hours of a baseline, heparin running or not."""
    began = began_on_circuit(case)
    return began is not None and began >= case.ago("monitoring.baseline_within")


def monitoring(known: Assessed) -> Recommendation | None:
    """Heparin or a thrombin inhibitor runs and a result is overdue [R87, R89, R90, R50]."""
    m, verdicts = known.measured, known.verdicts
    overdue = [w for w in _lines(m, verdicts) if _overdue(m.case, w)]
    tests = tuple(dict.fromkeys(t for w in overdue for t in w.order))
    if not wanted(m.case, *tests):
        return None
    first = overdue[0]
    return Recommendation(
        indicator=Indicator.INFO,
        facts=_last_results(m.case, overdue),
        values={"hours": m.case.protocol[first.span]},
        notes=("monitoring.rule",),
        tests=tests,
        limits=tuple(dict.fromkeys(w.span for w in overdue)),
    )


def _lines(m: Measured, verdicts: Verdicts) -> Iterable[Watch]:
    """What is followed now; while HIT is suspected only what replaced heparin."""
    if m.inhibitor is not None:
        return _inhibitor_lines(m.case, m.inhibitor)
    # Heparin is to be stopped: its levels are no longer wanted.
    if m.gates.hit.yes or not m.infusion.running.yes or m.infusion.since is None:
        return ()
    return schedule(m, verdicts, m.infusion.since)


def _inhibitor_lines(case: Case, inhibitor: Inhibitor) -> Iterable[Watch]:
    """The aPTT hours after the start and each change until two are in range, then less often."""
    first = _FIRST_APTT.get(inhibitor.drug)
    if first is not None and inhibitor.changed is not None:
        settled = _is_settled(case, inhibitor, inhibitor.changed)
        span = "monitoring.later_level" if settled else first
        yield Watch(("aptt",), ("aptt",), span, inhibitor.changed)


def _is_settled(case: Case, inhibitor: Inhibitor, changed: datetime) -> bool:
    drawn = [r for r in case.results("aptt") if r.at and r.at > changed][:_SETTLED]
    low, high = inhibitor.low, inhibitor.high
    return len(drawn) == _SETTLED and all(low <= (r.value or 0.0) <= high for r in drawn)


_SETTLED = 2  # results in range
_FIRST_APTT = {
    "argatroban": "switch.argatroban_first_aptt",
    "bivalirudin": "switch.bivalirudin_first_aptt_to",
}


def schedule(m: Measured, verdicts: Verdicts, start: datetime) -> Iterable[Watch]:
    """The lines of the schedule that apply now; where several name a test, the shorter interval
    wins.
    """
    early = m.case.now - start <= m.case.protocol.span("monitoring.early_phase")
    level = "monitoring.early_level" if early else "monitoring.later_level"
    yield Watch(_LEVELS, _level_order(m, verdicts), level, start)
    if m.risk.circuit:
        # A circuit that came later starts the shorter interval when it came.
        began = max(start, began_on_circuit(m.case) or start)
        yield Watch(("anti_xa",), ("anti_xa",), "monitoring.circuit_level", began)
    yield from _antithrombin_lines(m, verdicts, start, early=early)
    if early:
        yield Watch(("platelets",), ("platelets",), "monitoring.early_platelets", start)
    elif _within_platelet_watch(m.case):
        yield Watch(("platelets",), ("platelets",), "monitoring.later_platelets", start)
    if m.risk.sepsis:
        for test in ("platelets", "inr", "fibrinogen"):
            yield Watch((test,), (test,), "monitoring.sepsis_daily", start)


def _level_order(m: Measured, verdicts: Verdicts) -> tuple[str, ...]:
    """Anti-Xa, the aPTT where it would be foreign; both when resistance is suspected."""
    one = level_tests(m)
    return tuple(dict.fromkeys((*one, "aptt"))) if verdicts["resistance_suspected"].yes else one


def _antithrombin_lines(
    m: Measured, verdicts: Verdicts, start: datetime, *, early: bool
) -> Iterable[Watch]:
    last = m.antithrombin.last_dose
    if last is not None and last.start is not None:
        recheck = m.case.protocol.span("antithrombin_dose.recheck_to")
        if m.case.now - last.start > recheck and _none_since(m.case, last.start):
            yield Watch(("antithrombin",), ("antithrombin",), _RECHECK, last.start)
            yield Watch(_LEVELS, level_tests(m), _RECHECK, last.start)
    if verdicts["resistance_suspected"].yes or last is not None:
        span = "monitoring.early_antithrombin" if early else "monitoring.later_antithrombin"
        yield Watch(("antithrombin",), ("antithrombin",), span, start)


_RECHECK = "antithrombin_dose.recheck_to"


def _none_since(case: Case, moment: datetime) -> bool:
    newest, doubt = case.newest("antithrombin")
    if doubt is not None:
        return False
    return newest is None or at_or_before(newest.at, moment, "antithrombin").yes


def _within_platelet_watch(case: Case) -> bool:
    first = first_exposure(case)
    return first is not None and first >= case.ago("monitoring.platelets_until")


def _overdue(case: Case, watch: Watch) -> bool:
    """Whether a result is overdue, counted from the start of the watch where there is none."""
    query = "blood" if watch.tests == ("platelets",) else "coagulation"
    newest = [case.newest(concept) for concept in watch.tests]
    if not case.is_complete(query) or any(doubt is not None for _, doubt in newest):
        return False
    last = max(_drawn(result, watch) for result, _ in newest)
    return case.now - last > _allowed(case, watch)


def _drawn(result: Result | None, watch: Watch) -> datetime:
    since = latest(watch.since)
    return since if result is None or result.at is None else max(latest(result.at), since)


def _allowed(case: Case, watch: Watch) -> timedelta:
    """One and a half intervals; a level after an antithrombin dose has a latest hour of its own."""
    factor = 1.0 if watch.span == _RECHECK else case.protocol["monitoring.overdue_factor"]
    return case.protocol.span(watch.span) * factor


def _last_results(case: Case, overdue: Iterable[Watch]) -> tuple[Evidence, ...]:
    found = []
    for watch in overdue:
        dated = [r for c in watch.tests for r in case.results(c)[:1]]
        if dated and dated[0].at is not None:
            fact = dated[0]
            found.append(
                Evidence(fact.concept, fact.value or 0.0, "", fact.at, fact.source, "last")
            )
    return tuple(dict.fromkeys(found))
