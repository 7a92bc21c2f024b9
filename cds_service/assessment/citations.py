"""What rests on which claim of the review: topics, options and the parts that are no rule.

Data for `heparin-cds explain`, beside the code it speaks of; rules carry their own claims in
RULES, protocol rows in their sources. Nothing here decides anything; tests hold it to the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cited:
    """One topic: its claims, the rules that open it, its own limits, and its words by prefix."""

    review: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


ADVICE = ("contributor.", "population.")

CITED: Mapping[str, Cited] = {
    "hitSuspected": Cited(
        ("R100", "R101", "R102", "R122"),
        (),
        ("hit.suspected_score",),
        ("hit.", "start.", "switch.none."),
    ),
    "hitPossible": Cited(("R34", "R42", "R100"), (), ("hit.possible_score",), ("hit.",)),
    "antithrombinOverdose": Cited(
        ("R44", "R95", "R98"),
        ("failing",),
        (
            "antithrombin_dose.highest_predicted",
            "antithrombin_dose.label_recovery",
            "antithrombin_dose.highest_per_kg",
            "antithrombin_dose.overdose_critical",
        ),
        ("overdose.",),
    ),
    "antithrombinUnchecked": Cited(
        ("R33",), (), ("antithrombin_dose.label_recovery", "antithrombin.current"), ("unchecked.",)
    ),
    "warfarinInHit": Cited(("R103",), (), ("platelets.warfarin_line",), ("warfarin.",)),
    "anticoagulantCombination": Cited(
        ("R68", "R70", "R96"), (), ("prophylaxis.enoxaparin_daily",), ("combination.",)
    ),
    "antiplateletWithHeparin": Cited(
        ("R69", "R70", "R96"), (), ("risk.stent_within",), ("antiplatelet.",)
    ),
    "aboveTargetRaise": Cited(("R28",), ("above_target", "drafted_raise"), (), ("above.",)),
    "anticoagulantSwitch": Cited(
        ("R6", "R43", "R60", "R61", "R62", "R81", "R88", "R119"),
        ("failing", "thrombosis_on_heparin"),
        ("antithrombin.severe", "switch.sepsis_line"),
        ("start.", "switch.", "antithrombin.also", "antithrombin.labelBeside", *ADVICE),
    ),
    "heparinDoseCeiling": Cited(
        ("R10", "R11", "R123", "R128"),
        ("ceiling", "acute_phase"),
        ("heparin.ceiling_critical_rate",),
        ("ceiling.", "delivery.", *ADVICE),
    ),
    "antithrombinDose": Cited(
        ("R6", "R10", "R11", "R44", "R45", "R47", "R49", "R50", "R60", "R64", "R67", "R79",
         "R117", "R118", "R119"),
        ("failing", "above_target", "thrombosis_on_heparin"),
        ("antithrombin.low", "antithrombin_dose.recovery", "antithrombin_dose.target",
         "antithrombin_dose.highest_predicted", "antithrombin_dose.highest_per_kg",
         "antithrombin_dose.smallest"),
        ("antithrombin.", "hit.reopened", *ADVICE),
    ),
    "thrombosisOnHeparin": Cited(
        ("R25", "R94"),
        ("thrombosis_on_heparin", "high", "below_target", "responded", "refractory"),
        (),
        ("delivery.", "resistance.", "antithrombin.antigenLow", "hit.reopened", *ADVICE),
    ),
    "heparinResistance": Cited(
        ("R2", "R8", "R12", "R34", "R39", "R40", "R41", "R93", "R94", "R111", "R124", "R128"),
        ("resistance_suspected", "failing", "on_target", "above_target", "responded",
         "refractory", "acute_phase"),
        (),
        ("delivery.", "resistance.", "antithrombin.antigenLow", *ADVICE),
    ),
    "assayDiscordance": Cited(
        ("R5", "R26", "R27", "R29", "R121"), ("masked",), (), ("discordance.",)
    ),
    "pseudoResistance": Cited(
        ("R27", "R112", "R121"),
        ("pseudo_resistance", "drafted_raise", "acute_phase"),
        ("risk.rise_within",),
        ("pseudo.", "contributor.acutePhase"),
    ),
    "andexanetExposure": Cited((), (), ("risk.andexanet_within",), ("andexanet.",)),
    "baselineTests": Cited(
        ("R30", "R33", "R34", "R78", "R85", "R104", "R116"),
        (),
        ("monitoring.baseline_within",),
        ("baseline.", "contributor.risk"),
    ),
    "monitoringDue": Cited(
        ("R33", "R80", "R87", "R89", "R90", "R116"),
        ("resistance_suspected",),
        (
            "monitoring.early_phase",
            "monitoring.early_level",
            "monitoring.later_level",
            "monitoring.circuit_level",
            "monitoring.early_antithrombin",
            "monitoring.later_antithrombin",
            "monitoring.early_platelets",
            "monitoring.later_platelets",
            "monitoring.sepsis_daily",
            "monitoring.overdue_factor",
            "antithrombin_dose.recheck_to",
        ),
        ("monitoring.",),
    ),
    "notAssessed": Cited((), (), (), ("notAssessed.",)),
    "adultOnly": Cited((), (), ("patient.adult_age",), ("adult.",)),
}  # fmt: skip

# Which rules another rule looks at; a rule's words are those of the cards at the end of the way.
FEEDS: Mapping[str, tuple[str, ...]] = {
    "high": ("failing",),
    "very_high": ("requirement_raised",),
    "drafted_raise": ("ceiling",),
    "below_target": ("failing",),
    "above_target": ("failing", "far_above"),
    "on_target": ("responded",),
    "escalating": ("failing",),
    "plateau": ("failing",),
    "masked": ("failing",),
    "pseudo_resistance": ("failing",),
    "thrombosis_on_heparin": ("failing",),
    "requirement_raised": ("resistance_suspected",),
    "failing": ("resistance_suspected", "refractory", "confirmed"),
    "resistance_suspected": ("loud",),
}

# Parts that are no rule: module.function of the assessment, what it does, and its claims.
PARTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "risk.read_risk": (
        "risk groups on record",
        ("R13", "R14", "R21", "R22", "R72", "R84", "R104"),
    ),
    "topics.advice.contributors": ("what may contribute", ("R4", "R13", "R14", "R124")),
    "topics.advice.population_notes": (
        "advice for one population",
        ("R72", "R76", "R81", "R83", "R84", "R87"),
    ),
    "levels.read_levels": ("aptt and anti-Xa as a pair", ("R27", "R28", "R30", "R121")),
    "dose.daily_dose": ("heparin of the last 24 h, by charted times", ("R8", "R120")),
    "antithrombin.read_antithrombin": ("antithrombin activity, never antigen", ("R32", "R38")),
    "antithrombin.tier_of": ("antithrombin tiers", ("R31",)),
    "antithrombin.compute_dose": ("the loading dose", ("R44", "R45", "R117")),
    "topics.treatment.recommends_antithrombin": (
        "where antithrombin is not marked as recommended",
        ("R51", "R74", "R79"),
    ),
    "switch.argatroban": ("argatroban", ("R52", "R53", "R54", "R55")),
    "switch.bivalirudin": ("bivalirudin", ("R56", "R57", "R58", "R59")),
    "switch.choose_switch": ("the choice by kidney and liver", ("R61", "R62", "R81", "R96")),
    "four_ts.four_ts": ("4Ts as far as it can be computed", ("R100",)),
    "gates.read_gates": ("the gates before every finding", ("R42", "R96", "R122")),
    "protocol.Protocol": ("a hospital's protocol as one table", ("R107",)),
    "topics.watch.schedule": ("the monitoring schedule", ("R33", "R87", "R89", "R90")),
}

# Options under which a protocol follows the review as it is written.
AS_WRITTEN: Mapping[str, tuple[str | bool, tuple[str, ...]]] = {
    "dose_form": ("multiply", ("R44", "R117")),
    "weight_condition": (False, ("R8", "R23", "R111")),
    "masked_fails_alone": (True, ("R29",)),
    "organ_choice": ("any", ("R62",)),
    "sepsis_supplements": (True, ("R79", "R81")),
    "severe_also_supplement": (False, ("R43",)),
}
