"""HIT: the record, the tests, the allergy, and the 4Ts as ranges (clinical logic 3 to 5)."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from cds_service.assessment.measure.four_ts import four_ts
from cds_service.chart.facts import Problem, Route, Use
from cds_service.chart.fhir_datetime import Stretch
from cds_service.chart.query_result import QueryState
from tests.builders import (
    MINUTE,
    ago,
    case,
    condition,
    deleted,
    draft,
    due,
    every_start,
    failed,
    failing,
    given,
    heparin,
    item,
    judge_chart,
    lab,
    measured,
    nobody_knows_when_born,
    offered_tests,
    order,
    ordered_test,
    organs_well,
    person,
    procedure,
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

DAY = 24
FULL = (0, 2)
BEGUN = order("heparin", rate=1600, hours_ago=9 * DAY)  # the exposure began nine days ago
BEFORE = lab("platelets", 200, 10 * DAY)


def score(*facts):
    return four_ts(case(*facts))


@spec(
    "nadir, points",
    ("a fall by just under 30 %", 140.2, (0, 0)),
    ("a fall by 30 %", 140, (1, 1)),
    ("a fall by 50 %", 100, (1, 1)),
    ("a fall by just over 50 %", 99.8, (2, 2)),
    ("a nadir of 20", 20, (2, 2)),
    ("a nadir just under 20", 19.9, (1, 1)),
    ("a nadir of 10", 10, (1, 1)),
    ("a nadir just under 10", 9.95, (0, 0)),
)
def test_points_for_thrombocytopenia(nadir, points):
    assert score(BEGUN, BEFORE, lab("platelets", nadir, DAY)).thrombocytopenia == points


@spec(
    "began, fell, points",
    ("on day one: heparin before this is not on record", 2, 1, FULL),
    ("on day four", 5, 1, FULL),
    ("on day four, begun at midnight", 5.5, 1, FULL),
    ("on day five, begun a minute earlier", 5.5 + MINUTE / DAY, 1, (2, 2)),
    ("on day five, the first minute", 6, 1.5, (2, 2)),
    ("on day four, the last minute", 6, 1.5 + MINUTE / DAY, FULL),
    ("on day ten", 11.5, 1, (2, 2)),
    ("on day eleven", 11.5 + MINUTE / DAY, 1, (1, 1)),
)
def test_points_for_timing(began, fell, points):
    """By calendar days, in the hospital's zone or in the offset of the times: here UTC."""
    heparin_order = order("heparin", rate=1600, hours_ago=began * DAY)
    counts = (lab("platelets", 200, began * DAY + 1), lab("platelets", 199, fell * DAY + 20))
    assert score(heparin_order, *counts, lab("platelets", 90, fell * DAY)).timing == points


@spec(
    "zone, points",
    ("in UTC", "UTC", FULL),
    ("in Berlin it is the next day", "Europe/Berlin", (2, 2)),
    ("in New York both lie a day earlier", "America/New_York", (2, 2)),
)
def test_the_days_are_those_of_the_hospital(zone, points):
    """Begun on 4 March at 01:00 UTC; the count fell on 8 March at 23:30 UTC."""
    facts = (
        order("heparin", rate=1600, hours_ago=6 * DAY + 11),
        lab("platelets", 200, 6 * DAY + 12),
        lab("platelets", 198, 2 * DAY),
        lab("platelets", 90, DAY + 12.5),
    )
    here = case(*facts)
    there = replace(here, asked=replace(here.asked, zone=ZoneInfo(zone)))
    assert four_ts(there).timing == points


@spec(
    "hours, points",
    ("three days before", 72, (2, 2)),
    ("a minute more: which day is not known", 72 + MINUTE, (1, 2)),
)
def test_a_gap_between_the_counts_leaves_the_day_open(hours, points):
    counts = (lab("platelets", 195, DAY + hours), lab("platelets", 90, DAY))
    assert score(BEGUN, BEFORE, *counts).timing == points


def test_a_day_without_its_hour_spans_the_points_of_both():
    """The count is dated 5 March; heparin began on 28 February at noon: day five in any case."""
    day = Stretch.between(ago(5.5 * DAY), ago(4.5 * DAY), "dateOnly", "05 Mar")
    count = replace(lab("platelets", 90, 5 * DAY), at=day)
    steady = lab("platelets", 198, 6 * DAY)
    assert score(order("heparin", rate=900, hours_ago=10 * DAY), BEFORE, steady, count).timing == (
        2,
        2,
    )
    assert score(order("heparin", rate=900, hours_ago=9 * DAY), BEFORE, steady, count).timing == (
        0,
        2,
    )


def test_a_fall_before_the_first_dose_has_no_points():
    counts = ((200, 5 * DAY), (120, 3 * DAY), (110, 2 * DAY), (90, 10))
    found = score(given("heparin", DAY, 5000), *(lab("platelets", n, h) for n, h in counts))
    assert found.timing == FULL  # heparin before this exposure is not on record
    assert found.day < 0


@spec(
    "recovery, last, points",
    ("to within 20 %", 160, 112, (2, 2)),
    ("not so far", 159.7, 90, FULL),
    ("and a new fall of less than 30 %", 160, 113, FULL),
)
def test_after_a_recovery_a_new_fall_counts_by_its_own_day(recovery, last, points):
    """Heparin for nine days; low on day two, then a recovery, then low again today."""
    counts = ((130, 7 * DAY), (recovery, 3 * DAY), (last, 5))
    assert score(BEGUN, BEFORE, *(lab("platelets", n, h) for n, h in counts)).timing == points


@spec(
    "earlier, points",
    ("heparin 30 days before", 30, (2, 2)),
    ("heparin just over 30 days before", 30.01, (1, 1)),
    ("heparin 100 days before", 100, (1, 1)),
    ("heparin just over 100 days before", 100.01, FULL),
    ("no earlier heparin on record", None, FULL),
    ("a dose five days before: the same exposure, day five", 5, (2, 2)),
    ("a dose just over five days before: recent heparin", 5.01, (2, 2)),
)
def test_a_fall_within_a_day_counts_by_the_heparin_before(earlier, points):
    """A bolus today; the count fell an hour later."""
    began = given("heparin", 5, 5000)
    before = () if earlier is None else (given("heparin", 5 + earlier * DAY, 5000),)
    counts = (
        lab("platelets", 200, 5 * DAY + 6),
        lab("platelets", 199, DAY),
        lab("platelets", 90, 4),
    )
    assert score(began, *before, *counts).timing == points


def test_an_order_that_ended_counts_for_its_own_day_and_no_longer():
    before = order("enoxaparin", dose=40, hours_ago=40 * DAY, status="completed")
    counts = (lab("platelets", 200, 5 * DAY + 6), lab("platelets", 90, 4))
    assert score(before, given("heparin", 5, 5000), *counts).timing == (1, 1)


def test_timing_is_the_day_of_the_first_count_that_fell():
    counts = (
        lab("platelets", 130, 6 * DAY),
        lab("platelets", 60, DAY),
        lab("platelets", 190, 7 * DAY),
    )
    found = score(
        order("heparin", rate=1600, hours_ago=12 * DAY), lab("platelets", 200, 300), *counts
    )
    assert found.timing == (2, 2)
    assert found.fell == counts[0].at


def test_the_first_count_that_fell_by_30_per_cent_sets_the_day():
    counts = (lab("platelets", 140, 3 * DAY), lab("platelets", 90, DAY))
    assert score(BEGUN, BEFORE, *counts).fell == counts[0].at


def test_without_a_fall_timing_has_no_points():
    assert score(BEGUN, BEFORE, lab("platelets", 190, DAY)).timing == (0, 0)


@spec(
    "surgery, second, points",
    ("the fall within four days of bypass", 5, None, (0, 0)),
    ("the fall on the day of bypass", 3.1, None, (0, 0)),
    ("the fall at the hour of bypass", 3, None, (0, 0)),
    ("the fall just within four days", 7 - MINUTE / DAY, None, (0, 0)),
    ("the fall at four days", 7, None, (2, 2)),
    ("the fall before bypass", 2, None, (2, 2)),
    ("a second fall after those days", 6.5, 60, (2, 2)),
    ("a second fall of 30 %", 6.5, 126, (2, 2)),
    ("a second fall of under 30 %", 6.5, 127, (0, 0)),
)
def test_within_four_days_of_bypass_a_fall_is_no_sign(surgery, second, points):
    """Heparin for nine days, the first fall three days ago; recovery to 180 two days ago."""
    later = () if second is None else (lab("platelets", 180, 2 * DAY), lab("platelets", second, 5))
    steady = lab("platelets", 190, 4 * DAY)
    facts = (BEGUN, BEFORE, steady, lab("platelets", 120, 3 * DAY), *later)
    assert score(*facts, procedure("bypass", surgery * DAY, surgery * DAY)).timing == points
    assert score(*facts, procedure("cardiac_surgery", surgery * DAY)).timing == points


@spec(
    "counts, points",
    ("the highest comes second", ((130, 20), (180, 12), (115, 4)), (2, 2)),
    ("lower counts come between", ((180, 20), (150, 12), (115, 5)), (2, 2)),
    ("only between lower counts", ((150, 20), (130, 12), (110, 5)), (0, 0)),
    ("a rise is no fall", ((115, 20), (180, 12)), (0, 0)),
)
def test_the_second_fall_is_from_the_highest_count_of_the_recovery(counts, points):
    """Bypass 6.5 days and the first fall three days ago, then these counts, by hours ago."""
    facts = (BEGUN, BEFORE, lab("platelets", 120, 3 * DAY), procedure("bypass", 6.5 * DAY))
    assert score(*facts, *(lab("platelets", n, h) for n, h in counts)).timing == points


@spec(
    "counts, baseline",
    ("the highest of the week before", ((250, 14 * DAY), (200, 10 * DAY)), 250),
    ("seven days before", ((250, 16 * DAY), (200, 10 * DAY)), 250),
    ("a minute earlier", ((250, 16 * DAY + MINUTE), (200, 10 * DAY)), 200),
    ("none before: the highest of the first 48 h", ((180, 8 * DAY), (190, 7 * DAY)), 190),
    ("none before, a minute after 48 h", ((180, 8 * DAY), (190, 7 * DAY - MINUTE)), 180),
    ("before leads over after", ((160, 10 * DAY), (220, 8 * DAY)), 160),
)
def test_the_baseline(counts, baseline):
    found = score(BEGUN, *(lab("platelets", n, h) for n, h in counts), lab("platelets", 80, 2))
    assert found.baseline.value == baseline


@spec(
    "facts",
    ("no exposure", (BEFORE, lab("platelets", 60, 5))),
    ("no count at all", (BEGUN,)),
    ("no count since", (BEGUN, BEFORE)),
    ("no count for a baseline", (BEGUN, lab("platelets", 60, 5))),
    (
        "an estimate is no baseline",
        (BEGUN, lab("platelets_estimate", 200, 10 * DAY), lab("platelets", 60, 5)),
    ),
    ("only limits", (BEGUN, BEFORE, lab("platelets", 10, 5, comparator="<"))),
    ("unreadable counts", (BEGUN, unreadable("platelets", 240), unreadable("platelets", 5))),
)
def test_without_a_baseline_or_a_count_the_range_is_full(facts):
    found = score(*facts)
    assert (found.thrombocytopenia, found.timing) == (FULL, FULL)
    assert (found.lowest, found.highest) == (0, 8)


@spec(
    "fact, points",
    ("none on record: not excluded", BEGUN, FULL),
    ("a minute after the first dose", condition("vte", onset=9 * DAY - MINUTE), (2, 2)),
    ("at the first dose", condition("vte", onset=9 * DAY), FULL),
    ("without an onset", condition("vte", 10), FULL),
    ("resolved", condition("vte", onset=10, active=False), FULL),
)
def test_points_for_thrombosis(fact, points):
    assert score(BEGUN, fact).thrombosis == points


@spec(
    "exposure",
    ("a flush", given("heparin", 6 * DAY, 20, use=Use.NO_THERAPY)),
    ("LMWH", given("enoxaparin", 6 * DAY, 40)),
    ("subcutaneous heparin", given("heparin", 6 * DAY, 5000, route=Route.SUBCUTANEOUS)),
    ("an order of LMWH", order("enoxaparin", dose=40, hours_ago=6 * DAY, status="completed")),
)
def test_any_heparin_starts_the_clock(exposure):
    counts = ((200, 7 * DAY), (198, 2 * DAY), (90, 5))
    found = score(exposure, *(lab("platelets", n, h) for n, h in counts))
    assert found.timing == (2, 2)


def test_fondaparinux_does_not_start_it():
    facts = (lab("platelets", 200, 7 * DAY), lab("platelets", 90, 5))
    assert score(given("fondaparinux", 6 * DAY), *facts).timing == FULL


# --- gate 3 ------------------------------------------------------------------------------------

STEADY = lab("platelets", 195, 4 * DAY)
FELL = (BEGUN, BEFORE, STEADY, lab("platelets", 90, 2 * DAY))  # 2 and 2: 4 to 8
FELL_LESS = (BEGUN, BEFORE, STEADY, lab("platelets", 110, 2 * DAY))  # 1 and 2
FELL_LATE = (
    order("heparin", rate=1600, hours_ago=13 * DAY),
    lab("platelets", 200, 14 * DAY),
    lab("platelets", 90, DAY),
)  # 2 and 1: 3 to 7
FLAT = (BEGUN, BEFORE, lab("platelets", 190, 2 * DAY))
LATER = (heparin(1600, 2 * DAY),)  # a fall today is too early for it
EARLY = (*LATER, lab("platelets", 200, 3 * DAY), lab("platelets", 130, 5))
LITTLE = (BEGUN, BEFORE, STEADY, lab("platelets", 130, 2 * DAY))
EARLY_MUCH = (*LATER, lab("platelets", 200, 3 * DAY), lab("platelets", 90, 5))
NEGATIVE = lab("hit_antibody", None, DAY, positive=False)


@spec(
    "facts, gate",
    ("nothing", (), "no"),
    ("platelets never measured", (BEGUN,), "no"),
    ("on record", (condition("hit"),), "yes"),
    ("on record as history", (condition("hit", 40_000, active=False),), "yes"),
    ("an antibody", (lab("hit_antibody", None, positive=True),), "yes"),
    ("optical density of 0.4, no counts", (lab("hit_antibody", 0.4),), "yes"),
    ("optical density just under 0.4", (lab("hit_antibody", 0.399),), "no"),
    ("optical density <0.4", (lab("hit_antibody", 0.4, comparator="<"),), "no"),
    ("optical density >0.4", (lab("hit_antibody", 0.4, comparator=">"),), "yes"),
    ("high, called negative", (lab("hit_antibody", 1.0, positive=False),), "yes"),
    ("low, called positive", (lab("hit_antibody", 0.3, positive=True),), "no"),
    ("equivocal, no count fell", (*FLAT, lab("hit_antibody", 0.999, 3)), "no"),
    ("of 1.0, no count fell", (*FLAT, lab("hit_antibody", 1.0, 3)), "yes"),
    ("equivocal, a little at the wrong time", (*EARLY, lab("hit_antibody", 0.6, 3)), "no"),
    ("equivocal, a little in time", (*LITTLE, lab("hit_antibody", 0.6, 3)), "yes"),
    ("equivocal, much at the wrong time", (*EARLY_MUCH, lab("hit_antibody", 0.6, 3)), "yes"),
    ("1.0 U/mL", (*FLAT, lab("hit_antibody_units", 1.0, 3)), "yes"),
    ("0.99 U/mL", (*FLAT, lab("hit_antibody_units", 0.99, 3)), "no"),
    ("optical density of nothing", (lab("hit_antibody", 0.0),), "no"),
    ("a functional assay", (lab("hit_functional", None, positive=True),), "yes"),
    ("a functional assay in percent is not read", (lab("hit_functional", 80),), "no"),
    (
        "an assay that cannot be read",
        (unreadable("hit_antibody", problem=Problem.UNREADABLE),),
        "no",
    ),
    ("an allergy naming HIT", (condition("heparin_hit"),), "yes"),
    ("an allergy without it", (condition("heparin"),), "no"),
    ("4Ts at least 4", FELL, "yes"),
    ("4Ts at least 3", FELL_LATE, "no"),
    ("4Ts at least 4, antibody negative after the fall", (*FELL, NEGATIVE), "no"),
    (
        "antibody drawn before the fall",
        (*FELL, lab("hit_antibody", None, 3 * DAY, positive=False)),
        "yes",
    ),
    ("antibody of low density after the fall", (*FELL, lab("hit_antibody", 0.1, 5)), "no"),
    (
        "antibody density only above a limit",
        (*FELL, lab("hit_antibody", 0.1, 5, comparator=">")),
        "yes",
    ),
    ("antibody unreadable after the fall", (*FELL, unreadable("hit_antibody", 5)), "yes"),
    (
        "4Ts at least 5, antibody negative",
        (
            BEGUN,
            BEFORE,
            STEADY,
            lab("platelets", 110, 2 * DAY),
            condition("vte", onset=DAY),
            NEGATIVE,
        ),
        "no",
    ),
    (
        "4Ts at least 5",
        (*FELL_LESS, condition("vte", onset=DAY)),
        "yes",
    ),
    (
        "4Ts at least 6, antibody negative",
        (*FELL, condition("vte", onset=DAY), NEGATIVE),
        "yes",
    ),
    ("the record is not reopened", (condition("hit"), *FELL, NEGATIVE), "yes"),
    ("the allergy is not reopened", (condition("heparin_hit"), *FELL, NEGATIVE), "yes"),
    (
        "a positive functional assay is not reopened",
        (lab("hit_functional", None, 3, positive=True), *FELL, NEGATIVE),
        "yes",
    ),
    ("the problem list failed", (failed("conditions"),), "unknown"),
    ("the problem list is partial", (failed("conditions", state=QueryState.PARTIAL),), "unknown"),
    ("the allergies failed", (failed("allergies"),), "unknown"),
    ("the blood counts failed", (failed("blood"),), "unknown"),
    ("administrations failed, no count fell", (failed("administrations"), BEFORE), "no"),
    (
        "administrations failed and counts fell: exposure unknown",
        (failed("administrations"), *FELL_LATE),
        "unknown",
    ),
    ("orders failed and counts fell", (failed("orders"), *FELL_LATE), "unknown"),
    (
        "administrations failed and a count fell by 30 %",
        (failed("administrations"), BEFORE, lab("platelets", 140, DAY)),
        "unknown",
    ),
    (
        "administrations failed and counts rose",
        (failed("administrations"), lab("platelets", 90, 10 * DAY), lab("platelets", 200, DAY)),
        "no",
    ),
    ("orders failed, the score reached in any case", (failed("orders"), *FELL), "yes"),
    (
        "all failed, one sign is enough",
        (failed("conditions", "blood"), condition("heparin_hit")),
        "yes",
    ),
    ("the antithrombin failed", (failed("coagulation"),), "no"),
)
def test_gate_3(facts, gate):
    assert measured(*facts).gates.hit.truth.value == gate


def test_a_reopened_gate_says_so():
    found = measured(*FELL, NEGATIVE).hit
    assert found.reopened
    assert found.by_score.no


@spec(
    "facts, allergy",
    ("none", (), "no"),
    ("without HIT words", (condition("heparin"),), "yes"),
    ("its history counts", (condition("heparin", 90_000, active=False),), "yes"),
    ("naming HIT is the other gate", (condition("heparin_hit"),), "no"),
    ("the query failed", (failed("allergies"),), "unknown"),
)
def test_heparin_allergy(facts, allergy):
    assert measured(*facts).gates.heparin_allergy.truth.value == allergy


# --- hitSuspected ------------------------------------------------------------------------------

ON = (*running(), weight(80), *organs_well(), raised(1800))
HIT = condition("hit", 48)


def suspected(*facts, hook="order-sign"):
    return due(judge_chart(*facts, hook=hook), "hitSuspected")


def test_suspected_stops_every_heparin_and_starts_one_other_drug():
    flush = order("heparin", dose=20, use=Use.NO_THERAPY, name="flush")
    card = suspected(*ON, HIT, flush, order("enoxaparin", dose=40, per_day=1))
    assert card.indicator.value == "critical"
    assert stopped(card) == {
        "MedicationRequest/heparin",
        "MedicationRequest/flush",
        "MedicationRequest/enoxaparin",
    }
    assert deleted(card) == {"MedicationRequest/draft-heparin"}
    assert starts(card) == {"argatroban": 0.5, "bivalirudin": 0.15}
    assert recommended(card) == {"argatroban"}
    assert card.choices[0].recommended
    assert offered_tests(card) == {"hit_antibody"}
    for choice in card.choices:
        assert len(choice.actions) == 6


@spec(
    "facts, stated",
    ("by record", (HIT,), "recorded"),
    ("by a test", (lab("hit_antibody", None, positive=True),), "positive"),
    ("by allergy", (condition("heparin_hit"),), "allergy"),
    ("by score", (BEFORE, STEADY, lab("platelets", 90, 2 * DAY), BEGUN), "score"),
)
def test_suspected_says_why(facts, stated):
    assert suspected(*ON, *facts).summary == stated


@spec(
    "facts, tests",
    ("none pending", (HIT,), {"hit_antibody"}),
    ("the antibody is pending", (HIT, ordered_test("hit_antibody")), set()),
    (
        "the antibody is drafted",
        (HIT, ordered_test("hit_antibody", status="draft", drafted=True)),
        set(),
    ),
    (
        "the antibody was ordered, and resulted",
        (HIT, ordered_test("hit_antibody", 5), NEGATIVE),
        set(),
    ),
    (
        "an old result, ordered again",
        (HIT, ordered_test("hit_antibody", 30), NEGATIVE),
        {"hit_antibody"},
    ),
    (
        "after a positive antibody the functional assay",
        (lab("hit_antibody", 1.2),),
        {"hit_functional"},
    ),
    (
        "after a positive functional assay none",
        (lab("hit_antibody", 1.2), lab("hit_functional", None, positive=True)),
        set(),
    ),
)
def test_suspected_orders_the_test_that_is_missing(facts, tests):
    assert offered_tests(suspected(*ON, *facts)) == tests


@spec(
    "facts, reason",
    ("birth date unknown", (nobody_knows_when_born(),), "birthDate: missing"),
    ("under age", (person(15),), "age: underAge"),
    ("bleeding", (condition("bleeding", 5),), "bleeding: active"),
    ("the blood counts failed", (failed("blood"),), "hemoglobin: failed"),
    ("the orders failed", (failed("orders"),), "orders: failed"),
    (
        "another anticoagulant stands",
        (order("apixaban", dose=5, per_day=2),),
        "anticoagulant: otherStands",
    ),
)
def test_suspected_keeps_the_stop_but_not_the_start(facts, reason):
    card = suspected(*ON, HIT, *facts)
    assert starts(card) == {}
    assert stopped(card) == {"MedicationRequest/heparin"}
    assert len(card.choices) == 1
    assert reason in why(card.withheld)


@spec(
    "facts, note",
    ("both impaired", (lab("creatinine", 3), lab("bilirubin", 4)), "switch.none.bothImpaired"),
    ("kidneys unknown", (unreadable("creatinine", 1),), "switch.none.organsUnknown"),
    ("liver unknown", (unreadable("bilirubin", 1),), "switch.none.organsUnknown"),
    ("an aPTT over 100 s", (lab("aptt", 101),), "switch.none.highAptt"),
    ("an aPTT that cannot be read", (unreadable("aptt"),), "switch.none.apttUnknown"),
)
def test_suspected_without_a_drug_that_fits(facts, note):
    card = suspected(*running(), weight(80), raised(1800), HIT, *_organs(facts))
    assert starts(card) == {}
    assert stopped(card)
    assert note in card.notes


def _organs(facts):
    """The facts, and normal organs where they say nothing of them."""
    concepts = {f.concept for f in facts}
    return (*facts, *(o for o in organs_well() if o.concept not in concepts))


@spec(
    "facts, tests",
    ("kidneys unknown", (unreadable("creatinine", 1),), {"hit_antibody", "creatinine"}),
    ("liver unknown", (unreadable("bilirubin", 1),), {"hit_antibody", "bilirubin"}),
    ("an aPTT over 100 s", (lab("aptt", 101),), {"hit_antibody", "aptt"}),
    ("an aPTT that cannot be read", (unreadable("aptt"),), {"hit_antibody", "aptt"}),
    (
        "kidneys and liver unknown",
        (unreadable("creatinine", 1), unreadable("bilirubin", 1)),
        {"hit_antibody", "creatinine", "bilirubin"},
    ),
)
def test_suspected_asks_for_what_a_drug_needs(facts, tests):
    card = suspected(*running(), weight(80), raised(1800), HIT, *_organs(facts))
    assert offered_tests(card) == tests


def test_failed_allergies_do_not_withhold_the_drug_when_the_record_is_clear():
    """Gate 3 is closed already: what the allergies would add is no question."""
    card = suspected(*ON, HIT, failed("allergies"))
    assert starts(card) == {"bivalirudin": 0.15, "argatroban": 0.5}


@spec(
    "facts, offered",
    ("only a flush runs, HIT recorded 31 d ago", (condition("hit", 31 * DAY),), False),
    ("recorded 30 d ago", (condition("hit", 30 * DAY),), True),
    ("recorded a minute earlier", (condition("hit", 30 * DAY + MINUTE),), False),
    ("an antibody of 30 d ago", (lab("hit_antibody", None, 30 * DAY, positive=True),), True),
    ("an undated record", (condition("hit", None),), False),
    ("a heparin draft at treatment dose", (condition("hit", 9999), raised(1600)), True),
    (
        "treatment LMWH stands",
        (condition("hit", 9999), order("enoxaparin", dose=80, per_day=2)),
        True,
    ),
    (
        "prophylactic LMWH stands",
        (condition("hit", 9999), order("enoxaparin", dose=40, per_day=1)),
        False,
    ),
)
def test_a_history_with_nothing_but_flushes_needs_no_new_drug(facts, offered):
    flush = draft("heparin", dose=20, use=Use.NO_THERAPY, name="flush")
    card = suspected(weight(80), *organs_well(), flush, *facts)
    assert bool(starts(card)) is offered
    assert why(card.withheld) == (set() if offered else {"hitGate: historyOnly"})
    assert "MedicationRequest/flush" in deleted(card)
    assert {fact.fact for fact in card.facts} - {"crcl", "bilirubin"} == {
        "hit" if facts[0].concept == "hit" else "hit_antibody"
    }


def test_heparin_that_runs_without_an_order_to_stop_gets_no_second_drug():
    card = suspected(heparin(1600, 48), weight(80), *organs_well(), raised(1800), HIT)
    assert starts(card) == {}
    assert why(card.withheld) == {"heparinOrder: missing"}


def test_a_score_of_four_is_a_current_sign():
    facts = (
        given("heparin", 8 * DAY, 20, use=Use.NO_THERAPY),
        BEFORE,
        lab("platelets", 195, 3 * DAY),
        lab("platelets", 90, DAY),
        draft("heparin", dose=20, use=Use.NO_THERAPY),
    )
    assert starts(suspected(*facts, weight(80), *organs_well())) == {
        "bivalirudin": 0.15,
        "argatroban": 0.5,
    }


@spec(
    "facts, speaks",
    ("no heparin at all", (), False),
    ("heparin given 24 h ago", (given("heparin", 24, 20),), True),
    ("heparin given a minute earlier", (given("heparin", 24 + MINUTE, 20),), False),
    ("a standing flush", (order("heparin", dose=20, use=Use.NO_THERAPY),), True),
    ("LMWH drafted", (draft("enoxaparin", dose=40),), True),
)
def test_suspected_speaks_only_with_some_heparin(facts, speaks):
    found = judge_chart(HIT, draft("antithrombin", dose=2000), *facts)
    assert ("hitSuspected" in topics(found)) is speaks


def test_in_hit_nothing_suggests_heparin_lmwh_or_antithrombin():
    found = judge_chart(*ON, HIT, lab("anti_xa", 0.1), lab("antithrombin", 55))
    assert every_start(found) <= {"argatroban", "bivalirudin"}
    assert topics(found) <= {"hitSuspected", "notAssessed"}
    assert not any(
        "lmwh" in note.lower() and "no" not in note.lower() for i in found.items for note in i.notes
    )


# --- hitPossible -------------------------------------------------------------------------------


@spec(
    "facts, summary",
    ("thrombocytopenia and timing of three", FELL_LATE, "score"),
    ("an allergy", (condition("heparin"),), "allergy"),
    ("both: the score leads", (*FELL_LATE, condition("heparin")), "score"),
    ("a reopened gate", (*FELL, NEGATIVE), "score"),
)
def test_possible(facts, summary):
    card = due(judge_chart(*ON, *facts), "hitPossible")
    assert card.summary == summary
    assert card.indicator.value == "warning"
    assert card.choices == ()


def test_possible_names_the_gate_that_is_in_doubt():
    card = due(judge_chart(*ON, *FELL_LATE, failed("allergies")), "hitPossible")
    assert why(card.open) == {"allergies: failed"}


def test_a_test_that_is_pending_is_named():
    card = due(judge_chart(*ON, *FELL_LATE, ordered_test("hit_antibody")), "hitPossible")
    assert (card.tests, card.pending) == ((), ("hit_antibody",))


@spec(
    "facts",
    (
        "two points",
        (
            order("heparin", rate=1600, hours_ago=13 * DAY),
            lab("platelets", 200, 14 * DAY),
            lab("platelets", 120, DAY),
        ),
    ),
    ("nothing", ()),
    ("gate 3 is closed", (*FELL_LATE, HIT)),
)
def test_not_possible(facts):
    assert "hitPossible" not in topics(judge_chart(*ON, *facts))


def test_possible_needs_some_heparin():
    assert "hitPossible" not in topics(
        judge_chart(condition("heparin"), draft("antithrombin", dose=2000))
    )


def test_possible_asks_for_the_antibody_unless_it_was_negative():
    assert offered_tests(due(judge_chart(*ON, *FELL_LATE), "hitPossible")) == {"hit_antibody"}
    card = due(judge_chart(*ON, *FELL, NEGATIVE), "hitPossible")
    assert offered_tests(card) == set()
    assert "hit.range" in card.notes
    assert "hit.reopened" in card.notes


def test_after_a_reopened_gate_the_dose_card_says_so():
    platelets = (BEFORE, STEADY, lab("platelets", 90, 2 * DAY), NEGATIVE)
    found = judge_chart(*failing(BEGUN, *platelets, lab("antithrombin", 55)))
    assert "hit.reopened" in due(found, "antithrombinDose").notes


def test_with_a_heparin_allergy_no_heparin_lmwh_or_antithrombin_is_suggested():
    found = judge_chart(*failing(condition("heparin"), lab("antithrombin", 55)))
    assert "antithrombin" not in every_start(found)
    assert "antithrombin.lmwh" not in due(found, "antithrombinDose").notes
    assert due(found, "hitPossible").notes == ("hit.clarifyAllergy",)


def test_a_platelet_count_of_another_day_is_no_heparin():
    assert heparin(1600, 48).drug.family == "heparin"
    assert score(heparin(1600, 48), BEFORE).baseline is None


def began(days):
    return order("heparin", rate=1600, hours_ago=days * DAY)


def low(count, days_ago=1.0, high=200, began_ago=9.0):
    """A baseline before heparin, a steady count, and one low count."""
    counts = ((high, began_ago * DAY + 1), (high - 5, days_ago * DAY + 20), (count, days_ago * DAY))
    return (began(began_ago), *(lab("platelets", n, h) for n, h in counts))


RECENT = given("heparin", 60 * DAY, 5000)


@spec(
    "facts, summary",
    ("three points", low(130, 2), "score"),
    ("two points: too late", low(130, 1, began_ago=12), None),
    ("a fall of just over 50 % on day four", low(99.8, 1, began_ago=5), "score"),
    ("of 50 %", low(100, 1, began_ago=5), None),
    ("on day three", low(99.8, 1, began_ago=4), None),
    ("on day three, heparin two months ago", (RECENT, *low(99.8, 1, began_ago=4)), "score"),
    (
        "on day three, heparin four months ago",
        (given("heparin", 120 * DAY, 5000), *low(99.8, 1, began_ago=4)),
        None,
    ),
    ("under 50 after a fall by 38 %, on day four", low(49.8, 1, 80, began_ago=5), "score"),
    ("50 after a fall by 38 %, on day four", low(50, 1, 80, began_ago=5), None),
    ("49 after a fall by 29 %", low(49, 1, 69, began_ago=5), None),
    ("an equivocal antibody without a fall", (*FLAT, lab("hit_antibody", 0.6, 3)), "equivocal"),
    (
        "a negative one since",
        (*FLAT, lab("hit_antibody", 0.6, 3), lab("hit_antibody", 0.1, 2)),
        None,
    ),
    ("an equivocal one that counts as positive", (*LITTLE, lab("hit_antibody", 0.6, 3)), None),
)
def test_when_hit_is_possible(facts, summary):
    found = item(judge_chart(*ON, *facts), "hitPossible")
    assert (found.summary if found else None) == summary


def test_after_an_equivocal_antibody_the_functional_assay_is_offered_and_nothing_stopped():
    found = due(judge_chart(*ON, *FLAT, lab("hit_antibody", 0.6, 3)), "hitPossible")
    assert offered_tests(found) == {"hit_functional"}
    assert stopped(found) == set()
    assert deleted(found) == set()
    assert "hit.equivocal" in found.notes


def test_the_cards_tell_how_far_the_counts_fell_and_on_which_day():
    found = due(judge_chart(*ON, *FELL), "hitSuspected")
    assert "hit.fell" in found.notes
    assert (round(found.values["percent"]), found.values["day"]) == (55, 7)
