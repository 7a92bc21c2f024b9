"""The registry: every card in one row, in the order in which they are shown within an urgency.

A new card is one row here, its function, its words and one line in each protocol file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cds_service.assessment.topics import (
    bleeding,
    drafts,
    hit,
    limits,
    rate_check,
    resistance,
    target,
    treatment,
    watch,
)
from cds_service.assessment.topics.topic import Cited, Opener, Topic, View

INFUSION = frozenset({Opener.INFUSION})
ANY_HEPARIN = INFUSION | {Opener.OTHER_HEPARIN}
RESISTANCE = INFUSION | {Opener.ANTITHROMBIN}  # heparin's effect, and what antithrombin is for
EVERY_DRAFT = frozenset(Opener)

ABOUT_A_DRAFT: frozenset[View] = frozenset()
RUNS = frozenset({View.RUNS})
BY_RECORD = RUNS | {View.MAY_RUN, View.MEETS_HIT}
ANYTIME = frozenset({View.ANYTIME})

ADVICE = ("contributor.", "population.")

_ROWS: Iterable[Topic] = (
    Topic("hitSuspected", hit.hit_suspected, ANY_HEPARIN | {Opener.ANTITHROMBIN}, BY_RECORD,
          in_hit=True, in_children=True, acts_alone=True, outranks_rate=True,
          cites=Cited(("R100", "R101", "R102", "R122"), (), ("hit.suspected_score",),
                      ("hit.", "start.", "switch.none."))),
    Topic("bleedingOnHeparin", bleeding.bleeding_on_heparin, INFUSION,
          in_hit=True, names_bleeding=True, softens=False,
          cites=Cited(("R96",), (), ("bleeding.condition_within", "bleeding.intracranial_within",
                                     "bleeding.major_within", "bleeding.hemoglobin_fall",
                                     "bleeding.hemoglobin_window", "bleeding.platelets_critical"),
                      ("bleeding.",))),
    Topic("heparinRateCheck", rate_check.heparin_rate_check, INFUSION,
          in_hit=True, checks_rate=True, softens=False,
          cites=Cited((), (), ("heparin.check_rate", "heparin.check_ratio",
                               "heparin.check_ratio_warning", "heparin.check_units",
                               "heparin.check_least_units", "heparin.standard_rate",
                               "heparin.first_order_rate"),
                      ("rateCheck.",))),
    Topic("hitPossible", hit.hit_possible, ANY_HEPARIN | {Opener.ANTITHROMBIN}, BY_RECORD,
          in_children=True,
          cites=Cited(("R34", "R42", "R100"), (), ("hit.possible_score",), ("hit.",))),
    Topic("antithrombinOverdose", drafts.antithrombin_overdose, RESISTANCE,
          in_hit=True, too_much=True,
          cites=Cited(("R44", "R95", "R98"), ("failing",),
                      ("antithrombin_dose.highest_predicted", "antithrombin_dose.label_recovery",
                       "antithrombin_dose.highest_per_kg", "antithrombin_dose.overdose_critical"),
                      ("overdose.",))),
    Topic("antithrombinUnchecked", drafts.antithrombin_unchecked, RESISTANCE, ABOUT_A_DRAFT,
          cites=Cited(("R33",), (), ("antithrombin_dose.label_recovery", "antithrombin.current"),
                      ("unchecked.",))),
    Topic("warfarinInHit", drafts.warfarin_in_hit, INFUSION | {Opener.WARFARIN}, ABOUT_A_DRAFT,
          in_hit=True, in_children=True,
          cites=Cited(("R103",), (), ("platelets.warfarin_line",), ("warfarin.",))),
    Topic("anticoagulantCombination", drafts.combination,
          ANY_HEPARIN | {Opener.OTHER_ANTICOAGULANT}, in_hit=True,
          cites=Cited(("R68", "R70", "R96"), (), ("prophylaxis.enoxaparin_daily",),
                      ("combination.",))),
    Topic("antiplateletWithHeparin", drafts.antiplatelet, INFUSION | {Opener.P2Y12}, ABOUT_A_DRAFT,
          cites=Cited(("R69", "R70", "R96"), (), ("risk.stent_within",), ("antiplatelet.",))),
    Topic("bleedingRisk", bleeding.bleeding_risk,
          RESISTANCE | {Opener.OTHER_ANTICOAGULANT}, ABOUT_A_DRAFT,
          in_hit=True, names_bleeding=True,
          cites=Cited(("R96",), (),
                      ("bleeding.condition_within", "bleeding.intracranial_within",
                       "bleeding.neurosurgery_within", "bleeding.injury_within",
                       "bleeding.neuraxial_in", "bleeding.neuraxial_out", "bleeding.lysis_within",
                       "bleeding.lysis_alteplase", "bleeding.platelets_low",
                       "bleeding.platelets_risk", "bleeding.platelets_fall"),
                      ("risk.",))),
    Topic("aboveTargetRaise", target.above_target_raise, INFUSION, ABOUT_A_DRAFT, too_much=True,
          cites=Cited(("R28",), ("above_target", "drafted_raise"), (), ("above.",))),
    Topic("aboveTarget", target.above_target, INFUSION, RUNS | {View.INHIBITOR_RUNS},
          in_hit=True, too_much=True,
          cites=Cited(("R28",), ("far_above",),
                      ("levels.anti_xa_far", "levels.aptt_far", "levels.aptt_high",
                       "levels.repeat_after"), ("above.",))),
    Topic("anticoagulantSwitch", treatment.anticoagulant_switch, RESISTANCE, needs_rate=True,
          cites=Cited(("R6", "R43", "R60", "R61", "R62", "R81", "R88", "R119"),
                      ("failing", "thrombosis_on_heparin"),
                      ("antithrombin.severe", "switch.sepsis_line"),
                      ("start.", "switch.", "antithrombin.also", "antithrombin.labelBeside",
                       *ADVICE))),
    Topic("heparinDoseCeiling", resistance.dose_ceiling, RESISTANCE, needs_rate=True,
          cites=Cited(("R10", "R11", "R123", "R128"), ("ceiling", "acute_phase"),
                      ("heparin.ceiling_critical_rate",), ("ceiling.", "delivery.", *ADVICE))),
    Topic("antithrombinDose", treatment.antithrombin_dose, RESISTANCE, needs_rate=True,
          cites=Cited(("R6", "R10", "R11", "R44", "R45", "R47", "R49", "R50", "R60", "R64", "R67",
                       "R79", "R117", "R118", "R119"),
                      ("failing", "above_target", "thrombosis_on_heparin"),
                      ("antithrombin.low", "antithrombin_dose.recovery", "antithrombin_dose.target",
                       "antithrombin_dose.highest_predicted", "antithrombin_dose.highest_per_kg",
                       "antithrombin_dose.smallest"),
                      ("antithrombin.", "hit.reopened", *ADVICE))),
    Topic("thrombosisOnHeparin", resistance.thrombosis, RESISTANCE,
          cites=Cited(("R25", "R94"),
                      ("thrombosis_on_heparin", "high", "below_target", "responded", "refractory"),
                      (), ("delivery.", "resistance.", "antithrombin.antigenLow", "hit.reopened",
                           *ADVICE))),
    Topic("heparinResistance", resistance.resistance, RESISTANCE, needs_rate=True,
          told_by=frozenset({"anticoagulantSwitch", "antithrombinDose", "thrombosisOnHeparin"}),
          cites=Cited(("R2", "R8", "R12", "R34", "R39", "R40", "R41", "R93", "R94", "R111", "R124",
                       "R128"),
                      ("resistance_suspected", "failing", "on_target", "above_target", "responded",
                       "refractory", "acute_phase"),
                      (), ("delivery.", "resistance.", "antithrombin.antigenLow", *ADVICE))),
    Topic("assayDiscordance", resistance.discordance, RESISTANCE, needs_rate=True,
          told_by=frozenset({"anticoagulantSwitch", "antithrombinDose", "thrombosisOnHeparin",
                             "heparinResistance"}),
          cites=Cited(("R5", "R26", "R27", "R29", "R121"), ("masked",), (), ("discordance.",))),
    Topic("pseudoResistance", target.pseudo_resistance, INFUSION,
          cites=Cited(("R27", "R112", "R121"),
                      ("pseudo_resistance", "drafted_raise", "acute_phase"),
                      ("risk.rise_within",), ("pseudo.", "contributor.acutePhase"))),
    Topic("andexanetExposure", watch.andexanet, INFUSION,
          cites=Cited((), (), ("risk.andexanet_within",), ("andexanet.",))),
    Topic("baselineTests", watch.baseline, INFUSION, ABOUT_A_DRAFT,
          cites=Cited(("R30", "R33", "R34", "R78", "R85", "R104", "R116"), (),
                      ("monitoring.baseline_within",), ("baseline.", "contributor.risk"))),
    Topic("monitoringDue", watch.monitoring, INFUSION, only_tests=True,
          cites=Cited(("R33", "R80", "R87", "R89", "R90", "R116"), ("resistance_suspected",),
                      ("monitoring.early_phase", "monitoring.early_level",
                       "monitoring.later_level", "monitoring.circuit_level",
                       "monitoring.early_antithrombin", "monitoring.later_antithrombin",
                       "monitoring.early_platelets", "monitoring.later_platelets",
                       "monitoring.sepsis_daily", "monitoring.overdue_factor",
                       "antithrombin_dose.recheck_to"),
                      ("monitoring.",))),
    Topic("notAssessed", limits.not_assessed, EVERY_DRAFT, ANYTIME,
          in_hit=True, in_children=True, never_dropped=True,
          cites=Cited((), (), (), ("notAssessed.",))),
    Topic("adultOnly", limits.adult_only, EVERY_DRAFT, ANYTIME, in_hit=True, in_children=True,
          cites=Cited((), (), ("patient.adult_age",), ("adult.",))),
)  # fmt: skip

TOPICS: Mapping[str, Topic] = {row.name: row for row in _ROWS}
