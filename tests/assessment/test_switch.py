"""Which other anticoagulant, at which start (clinical logic 6)."""

from cds_service.chart.facts import Order
from tests.builders import (
    MINUTE,
    cards_of,
    choosing,
    condition,
    deleted,
    draft,
    due,
    failed,
    failing,
    heparin,
    judge_chart,
    lab,
    offered_tests,
    order,
    organs_well,
    person,
    procedure,
    protocol,
    raised,
    recommended,
    running,
    spec,
    starts,
    stopped,
    topics,
    unreadable,
    weight,
    why,
)

SEVERE = lab("antithrombin", 45)
AGED = person(60)  # with 72 kg the clearance is 80 / creatinine


def kidney(clearance):
    return lab("creatinine", 80 / clearance, 1)


def liver(bilirubin):
    return lab("bilirubin", bilirubin, 1)


def confirmed(rate=1600):
    """Low before a raise and after it, at 72 kg."""
    return (
        heparin(rate * 0.875, 48, 24),
        heparin(rate, 24),
        order("heparin", rate=rate, hours_ago=48),
        lab("anti_xa", 0.16, 26),
        lab("anti_xa", 0.18, 3),
        weight(72, 50),
    )


def switch(*organs, by=None, more=(), level=SEVERE, rate=1600):
    facts = (*confirmed(rate), AGED, raised(1800), level)
    return due(judge_chart(*facts, *organs, *more, by=by), "anticoagulantSwitch")


WELL, POORLY = (kidney(80), liver(1.0)), (kidney(20), liver(4))


@spec(
    "organs, offered, marked",
    ("both normal", WELL, {"bivalirudin": 0.15, "argatroban": 0.5}, {"bivalirudin"}),
    (
        "kidneys impaired",
        (kidney(40), liver(1.0)),
        {"argatroban": 0.5, "bivalirudin": 0.08},
        {"argatroban"},
    ),
    (
        "liver impaired",
        (kidney(80), liver(4)),
        {"bivalirudin": 0.15, "argatroban": 0.2},
        {"bivalirudin"},
    ),
    ("both impaired", POORLY, {}, set()),
    ("kidneys unknown", (liver(1.0),), {}, set()),
    ("liver unknown", (kidney(80),), {}, set()),
    ("kidneys unknown, liver impaired", (liver(4),), {}, set()),
    ("both unknown", (), {}, set()),
)
def test_the_table_of_organs(organs, offered, marked):
    card = switch(*organs)
    drugs = {k: v for k, v in starts(card).items() if k != "antithrombin"}
    assert (drugs, recommended(card)) == (offered, marked)


@spec(
    "organs, rate",
    ("clearance of 60", (kidney(60),), 0.15),
    ("clearance just under 60", (kidney(59.9),), 0.08),
    ("clearance of 30", (kidney(30),), 0.08),
    ("clearance just under 30", (kidney(29.9),), 0.05),
    ("creatinine rising by half", (lab("creatinine", 0.6, 40), lab("creatinine", 0.9, 1)), 0.05),
    ("on CRRT", (kidney(80), procedure("crrt", running=True)), 0.07),
    ("on intermittent dialysis", (kidney(80), procedure("hemodialysis", 5, 2)), 0.04),
    ("on CRRT without a creatinine", (procedure("crrt", running=True),), 0.07),
    ("an eGFR of <60", (lab("egfr", 60, comparator="<"),), 0.05),
)
def test_bivalirudin_starts_by_kidney(organs, rate):
    assert starts(switch(liver(1.0), *organs))["bivalirudin"] == rate


def test_argatroban_never_starts_above_the_labels_highest():
    by = protocol(switch__argatroban_start=12)
    assert starts(switch(*WELL, by=by))["argatroban"] == 10
    by = protocol(switch__argatroban_start=9.95)
    assert starts(switch(*WELL, by=by))["argatroban"] == 9.95


@spec(
    "start, note",
    ("just under the label's", 1.99, None),
    ("at the label's", 2, "start.argatrobanLabel"),
)
def test_a_start_at_the_labels_own_rate_has_its_own_words(start, note):
    card = switch(*WELL, by=protocol(switch__argatroban_start=start))
    assert [n for n in card.notes if n.startswith("start.")] == ([note] if note else [])


@spec(
    "organs, tests, note",
    ("dialysis or not is unknown", (liver(1.0), failed("procedures")), set(), "organsUnknown"),
    ("kidneys unknown", (liver(1.0),), {"creatinine"}, "organsUnknown"),
    ("liver unknown", (kidney(80),), {"bilirubin"}, "organsUnknown"),
    ("both unknown", (), {"creatinine", "bilirubin"}, "organsUnknown"),
    ("both impaired", POORLY, set(), "bothImpaired"),
    ("the newest aPTT unreadable", (*WELL,), set(), ""),
)
def test_where_no_drug_is_offered_the_text_says_why(organs, tests, note):
    card = switch(*organs)
    assert offered_tests(card) == tests
    assert [n for n in card.notes if n.startswith("switch.none")] == (
        [f"switch.none.{note}"] if note else []
    )


@spec(
    "organs",
    ("both impaired", POORLY),
    ("both unknown", ()),
)
def test_antithrombin_is_never_the_only_button(organs):
    assert starts(switch(*organs)) == {}


def test_antithrombin_stands_beside_the_others_not_recommended():
    card = switch(*WELL)
    assert set(starts(card)) == {"argatroban", "bivalirudin", "antithrombin"}
    assert recommended(card) == {"bivalirudin"}


@spec(
    "facts, rate, why",
    ("well", WELL, 0.5, None),
    ("an impaired liver", (kidney(80), liver(4)), 0.2, "hepatic"),
    ("ECMO", (*WELL, procedure("ecmo", running=True)), 0.2, "ecmo"),
    ("septic shock", (*WELL, condition("septic_shock")), 0.2, "shock"),
    ("cardiogenic shock", (*WELL, condition("shock")), 0.2, "shock"),
    ("shock that is over", (*WELL, condition("shock", active=False)), 0.5, None),
    (
        "kidneys and lungs",
        (kidney(40), liver(1.0), condition("respiratory_failure")),
        0.2,
        "organs",
    ),
    ("kidneys alone", (kidney(40), liver(1.0)), 0.5, None),
    ("lungs alone", (*WELL, condition("respiratory_failure")), 0.5, None),
    ("lungs and DIC", (*WELL, condition("respiratory_failure"), condition("dic")), 0.2, "organs"),
)
def test_argatroban_starts_lower_where_it_is_cleared_slowly(facts, rate, why):
    card = switch(*facts)
    assert starts(card)["argatroban"] == rate
    reduced = [note for note in card.notes if note.startswith("start.reduced")]
    assert reduced == ([f"start.reduced.{why}"] if why else [])


def test_the_review_as_written_reduces_it_for_the_liver_alone():
    by = choosing(organ_choice="any")
    card = switch(kidney(40), liver(1.0), condition("septic_shock"), by=by)
    assert starts(card)["argatroban"] == 0.5


@spec(
    "inr, ends",
    ("in range on two days", ((2.0, 2), (2.4, 26)), True),
    ("just under on one", ((1.99, 2), (2.4, 26)), False),
    ("just under on the other", ((2.0, 2), (1.99, 26)), False),
    ("twice on one day", ((2.2, 2), (2.4, 8)), False),
    ("with a day between", ((2.0, 2), (2.4, 72)), True),
    ("the other too old", ((2.0, 2), (2.4, 72 + MINUTE)), False),
)
def test_warfarin_in_range_on_two_days_ends_the_bridging(inr, ends):
    values = tuple(lab("inr", value, hours) for value, hours in inr)
    card = switch(*WELL, *values, order("warfarin", dose=5))
    assert ("switch.none.bridgingEnds" in card.notes) is ends
    assert (starts(card) == {}) is ends
    assert starts(switch(*WELL, *values))


@spec(
    "facts, note",
    ("CRRT", procedure("crrt", running=True), "switch.citrate"),
    ("ECMO", procedure("ecmo", running=True), "switch.ecmo"),
)
def test_a_circuit_has_words_of_its_own(facts, note):
    assert note in switch(*WELL, facts).notes
    assert note not in switch(*WELL).notes


def test_a_start_is_shown_by_weight_and_in_the_pumps_unit():
    found = judge_chart(*confirmed(), AGED, SEVERE, *WELL, hook="patient-view")
    (card,) = [c for c in cards_of(found) if c.topic == "anticoagulantSwitch"]
    first, second, _ = card.suggestions
    assert "0.15 mg/kg/h (10.8 mg/h at 72 kg)" in first.actions[0].description
    assert "0.5 µg/kg/min (2.16 mg/h at 72 kg)" in second.actions[0].description
    assert "10.8 mg/h at 72 kg" in card.detail
    text = first.actions[0].resource["dosageInstruction"][0]["text"]
    assert text == "bivalirudin 0.15 mg/kg/h (10.8 mg/h at 72 kg), intravenous"


@spec(
    "gate, indicator",
    ("none", (), "critical"),
    ("a bleed", (condition("bleeding", 5),), "warning"),
    ("a risk of one", (procedure("neurosurgery", 99, 99),), "warning"),
)
def test_the_card_is_quieter_where_bleeding_withholds_its_drugs(gate, indicator):
    card = switch(*WELL, *gate)
    assert card.indicator.value == indicator
    assert (card.summary == "withheld") is bool(gate)


@spec(
    "fact, level, reason",
    ("sepsis, antithrombin of 40", condition("sepsis"), 40, "sepsis"),
    ("sepsis, antithrombin just under 50", condition("septic_shock"), 49.9, "sepsis"),
    ("72 h after cardiac surgery", procedure("cardiac_surgery", 72), 30, "cardiacSurgery"),
    ("pregnancy", condition("pregnancy"), 30, "pregnancy"),
    ("cirrhosis", condition("cirrhosis"), 30, "cirrhosis"),
)
def test_where_nothing_is_marked_the_text_says_why(fact, level, reason):
    card = switch(*WELL, more=(fact,), level=lab("antithrombin", level))
    assert {"bivalirudin", "argatroban"} <= set(starts(card))
    assert recommended(card) == set()
    assert f"switch.against.{reason}" in card.notes


@spec(
    "fact, level",
    ("sepsis, antithrombin just under 40", condition("sepsis"), 39.9),
    ("a minute beyond 72 h of surgery", procedure("cardiac_surgery", 72 + MINUTE), 45),
)
def test_where_it_is_marked_again(fact, level):
    card = switch(*WELL, more=(fact,), level=lab("antithrombin", level))
    assert recommended(card) == {"bivalirudin"}


@spec(
    "fact, marked",
    ("sepsis", condition("sepsis"), {"argatroban"}),
    ("pregnancy", condition("pregnancy"), {"argatroban"}),
)
def test_in_hit_those_groups_keep_their_recommendation(fact, marked):
    found = judge_chart(*running(), raised(1800), AGED, weight(72), *WELL, condition("hit"), fact)
    assert recommended(due(found, "hitSuspected")) == marked


def test_a_switch_stops_every_treatment_order_and_deletes_every_draft():
    flush = order("heparin", dose=20, hours_ago=9, name="flush")
    card = switch(*WELL, more=(flush, draft("heparin", rate=1900, name="second")))
    drugs = [c for c in card.choices if "antithrombin" not in str(c.label)]
    assert len(drugs) == 2
    assert stopped(card) >= {"MedicationRequest/heparin"}
    assert deleted(card) == {"MedicationRequest/draft-heparin", "MedicationRequest/second"}


@spec(
    "level, choices",
    ("23 h old", lab("antithrombin", 45, 23), {"bivalirudin", "argatroban", "antithrombin"}),
    ("24 h old", lab("antithrombin", 45, 24), {"bivalirudin", "argatroban", "antithrombin"}),
    ("a minute older", lab("antithrombin", 45, 24 + MINUTE), set()),
)
def test_an_order_of_a_switch_needs_a_level_of_a_day(level, choices):
    card = switch(*WELL, level=level)
    assert set(starts(card)) == choices
    assert offered_tests(card) == (set() if choices else {"antithrombin"})


def test_another_anticoagulant_that_stands_withholds_the_switch():
    card = switch(*WELL, more=(order("dabigatran", dose=150, per_day=2),))
    assert not {"argatroban", "bivalirudin"} & set(starts(card))
    assert "anticoagulant: otherStands" in why(card.withheld)


@spec(
    "other",
    ("a home medicine", order("dabigatran", dose=150, per_day=2, home=True)),
    ("a prophylactic dose", order("fondaparinux", dose=2.5, per_day=1)),
)
def test_what_is_no_treatment_here_does_not_withhold_the_switch(other):
    assert {"argatroban", "bivalirudin"} <= set(starts(switch(*WELL, more=(other,))))


def test_heparin_that_no_order_covers_cannot_be_stopped_so_nothing_is_started():
    charted = [fact for fact in confirmed() if not isinstance(fact, Order)]
    card = due(judge_chart(*charted, AGED, raised(1800), SEVERE, *WELL), "anticoagulantSwitch")
    assert not {"argatroban", "bivalirudin"} & set(starts(card))
    assert why(card.withheld) == {"heparinOrder: missing"}


def test_a_switch_that_is_withheld_still_asks_for_what_a_drug_would_need():
    card = switch(liver(1.0), more=(condition("bleeding", 5),))
    assert starts(card) == {}
    assert "switch.none.organsUnknown" in card.notes
    assert offered_tests(card) == {"creatinine"}


def test_antithrombin_that_is_drafted_is_not_offered_again_beside_a_switch():
    card = switch(*WELL, more=(draft("antithrombin", dose=1000),))
    assert set(starts(card)) == {"argatroban", "bivalirudin"}


def test_a_protocol_may_offer_the_switch_alone():
    card = switch(*WELL, by=choosing(severe_also_supplement=False))
    assert set(starts(card)) == {"argatroban", "bivalirudin"}


@spec(
    "organs, offered",
    ("normal", WELL, {"bivalirudin": 0.15}),
    ("kidneys impaired", (kidney(40), liver(1.0)), {"argatroban": 0.5}),
    ("liver impaired", (kidney(80), liver(4)), {"argatroban": 0.2}),
    ("kidneys unknown", (liver(1.0),), {}),
    ("kidneys unknown, liver impaired", (liver(4),), {}),
)
def test_a_protocol_may_take_any_dysfunction_for_argatroban(organs, offered):
    by = choosing(organ_choice="any", severe_also_supplement=False)
    card = switch(*organs, by=by)
    assert starts(card) == offered
    assert recommended(card) == set(offered)


@spec(
    "level, topic",
    ("sepsis at 40", 40, "antithrombinDose"),
    ("sepsis just under 40", 39.9, "anticoagulantSwitch"),
)
def test_a_protocol_may_supplement_in_sepsis_down_to_its_line(level, topic):
    facts = failing(lab("antithrombin", level), condition("sepsis"))
    assert topic in topics(judge_chart(*facts, by=choosing(sepsis_supplements=True)))


def test_where_sepsis_is_supplemented_an_overdose_is_replaced_by_the_computed_dose():
    facts = failing(lab("antithrombin", 45), condition("sepsis"), draft("antithrombin", dose=7000))
    card = due(judge_chart(*facts, by=choosing(sepsis_supplements=True)), "antithrombinOverdose")
    assert starts(card) == {"antithrombin": round((100 - 45) * 80 / 1.4)}


@spec(
    "level, topic",
    ("antithrombin of 50", 50, "antithrombinDose"),
    ("just under 50", 49.9, "anticoagulantSwitch"),
    ("<50", None, "anticoagulantSwitch"),
)
def test_the_line_between_dose_and_switch(level, topic):
    at = lab("antithrombin", 50, comparator="<") if level is None else lab("antithrombin", level)
    found = topics(judge_chart(*failing(at)))
    assert {topic} == found & {"antithrombinDose", "anticoagulantSwitch"}


def test_switching_needs_an_infusion_that_fails():
    on_target = (*running(1600), weight(80), lab("anti_xa", 0.5, 3), SEVERE, *organs_well())
    assert "anticoagulantSwitch" not in topics(judge_chart(*on_target, raised(1700)))


def test_an_aptt_that_cannot_be_read_leaves_failing_unknown_and_no_switch():
    facts = failing(SEVERE, unreadable("aptt"))
    assert "anticoagulantSwitch" not in topics(judge_chart(*facts))
