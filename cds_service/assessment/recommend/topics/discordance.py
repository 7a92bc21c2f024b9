"""The card about two tests that disagree: an adequate aPTT over a low anti-Xa [R26, R29]."""

from __future__ import annotations

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.patient_facts import was_measured
from cds_service.assessment.model.recommendation import Indicator, Recommendation
from cds_service.assessment.recommend.topics.situation import situation
from cds_service.assessment.recommend.topics.topic import Assessed


def discordance(known: Assessed) -> Recommendation | None:
    """The pattern with room to spare, or an anti-Xa that reads low over an aPTT on target."""
    m, verdicts = known.measured, known.verdicts
    icteric = _reads_low(m)
    if not (verdicts["masked_clearly"].yes or icteric):
        return None
    tests = ["antithrombin"] if m.antithrombin.known.unknown else []
    tests += [c for c in ("inr", "fibrinogen") if was_measured(m.case, c, "acute_phase.current").no]
    return Recommendation(
        indicator=Indicator.WARNING,
        summary="readsLow" if icteric else "",
        facts=situation(m),
        notes=("discordance.rule", "discordance.causes"),
        tests=() if icteric else tuple(tests),
        open=(*m.antithrombin.known.reasons, *m.levels.anti_xa.usable.reasons),
        limits=("levels.anti_xa_low", "levels.aptt_low"),
    )


def _reads_low(m: Measured) -> bool:
    """Whether an icteric or haemolysed sample gave a low anti-Xa, while the aPTT is on target."""
    anti_xa, aptt, target = m.levels.anti_xa, m.levels.aptt, m.levels.target
    low = anti_xa.current.yes and anti_xa.at_least and target.below(anti_xa).yes
    usable = aptt.current.yes and aptt.usable.yes and aptt.steady.yes
    return low and usable and target.below(aptt).no and target.above(aptt).no
