"""The card about a clot under heparin: below target resistance, in range other causes [R25,
R94].
"""

from __future__ import annotations

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.patient_facts import was_measured
from cds_service.assessment.model.recommendation import Indicator, Recommendation
from cds_service.assessment.model.verdict import Evidence, Verdicts
from cds_service.assessment.recommend.offers import start_withheld
from cds_service.assessment.recommend.topics.resistance import resistance_notes, resistance_tests
from cds_service.assessment.recommend.topics.situation import (
    clot_facts,
    grounds,
    reopened_note,
    situation,
)
from cds_service.assessment.recommend.topics.topic import Assessed


def thrombosis(known: Assessed) -> Recommendation | None:
    """A clot on heparin that no card about its treatment tells."""
    m, verdicts = known.measured, known.verdicts
    if not verdicts["thrombosis_on_heparin"].yes or verdicts["above_target"].yes:
        return None
    if not verdicts["below_target"].yes:
        return _in_range(m, verdicts)
    return Recommendation(
        indicator=Indicator.CRITICAL,
        facts=(*clot_facts(verdicts), *situation(m)),
        notes=(*resistance_notes(m, verdicts), *reopened_note(m)),
        tests=resistance_tests(m, verdicts),
        withheld=start_withheld(m),
        open=m.antithrombin.known.reasons,
        limits=grounds(m, verdicts),
    )


def _in_range(m: Measured, verdicts: Verdicts) -> Recommendation:
    """Heparin works by its level: the card asks for HIT, another target, cancer."""
    score = m.hit.score
    # A clot in spite of enough heparin is how HIT often shows itself first.
    possible = score.highest >= m.case.protocol["hit.suspected_score"] and not m.hit.reopened
    counted = was_measured(m.case, "platelets", "monitoring.baseline_within").no
    tests = (*(("platelets",) if counted else ()), *(("hit_antibody",) if possible else ()))
    known = verdicts["on_target"].yes
    return Recommendation(
        indicator=Indicator.WARNING,
        summary="inRange" if known else "levelUnknown",
        facts=(*clot_facts(verdicts), *situation(m), *_counts(m)),
        values={"lowest": score.lowest, "highest": score.highest},
        notes=("clot.inRange", *(("clot.cancer",) if m.risk.cancer else ())),
        tests=tests if known else (*resistance_tests(m, verdicts), *tests),
        open=() if known else verdicts["below_target"].reasons,
        limits=("thrombosis.after_start",),
    )


def _counts(m: Measured) -> tuple[Evidence, ...]:
    return tuple(e for e in (m.hit.score.baseline, m.hit.score.nadir) if e is not None)
