"""Rates that can hardly be meant, drafted or charted (clinical logic 6, `heparinRateCheck`)."""

from dataclasses import replace

from cds_service.assessment.model.recommendation import Indicator
from cds_service.chart.facts import Amount
from tests.builders import (
    cards_of,
    condition,
    deleted,
    draft,
    due,
    every_start,
    failing,
    heparin,
    item,
    judge_chart,
    lab,
    offered_tests,
    protocol,
    raised,
    running,
    spec,
    topics,
    weight,
)

CHECK = "heparinRateCheck"
CRITICAL, WARNING = Indicator.CRITICAL, Indicator.WARNING
KG = weight(100)


def is_draft(fact):
    return getattr(fact, "drafted", False)


def urgency(*facts, hook="order-sign", **how):
    found = item(judge_chart(*facts, hook=hook, **how), CHECK)
    return found.indicator if found else None


@spec(
    "facts, indicator",
    ("five times the running rate", (*running(400), KG, raised(2000)), CRITICAL),
    ("a little less", (*running(401), KG, raised(2000)), WARNING),
    ("twice", (*running(1000), KG, raised(2000)), WARNING),
    ("a little less", (*running(1001), KG, raised(2000)), None),
    ("five times, at the standard start", (*running(300), KG, raised(1850)), None),
    ("above it", (*running(300), KG, raised(1851)), CRITICAL),
    ("without weight, at 1,800", (*running(300), raised(1800)), None),
    ("without weight, above", (*running(300), raised(1801)), CRITICAL),
    ("at 40 U/kg/h", (*running(3500), KG, raised(4000)), None),
    ("above", (*running(3500), KG, raised(4001)), CRITICAL),
    ("without weight at 4,000 U/h", (*running(3500), raised(4000)), None),
    ("above", (*running(3500), raised(4001)), CRITICAL),
    ("by weight", (*running(3500), KG, raised(41, unit="[IU]/kg/h")), CRITICAL),
    ("a first order at 25 U/kg/h", (KG, raised(2500)), None),
    ("above", (KG, raised(2501)), WARNING),
    ("above 40", (KG, raised(4001)), CRITICAL),
    ("a first order without weight", (raised(3000),), None),
    ("a lowering", (*running(3000), KG, raised(1500)), None),
    ("a rate that is not known", (*running(400), KG, draft("heparin")), None),
)
def test_a_drafted_rate(facts, indicator):
    assert urgency(*facts) is indicator


@spec(
    "facts, indicator",
    ("40 U/kg/h", (*running(4000), KG), None),
    ("above", (*running(4001), KG), CRITICAL),
    ("4,000 U/h without weight", running(4000), None),
    ("above", running(4001), CRITICAL),
    ("stopped since", (heparin(9000, 48, 5), KG), None),
)
def test_a_charted_rate(facts, indicator):
    assert urgency(*facts, hook="patient-view") is indicator


def test_the_draft_is_taken_back_and_nothing_replaces_it():
    found = due(judge_chart(*running(1460), weight(80), raised(18000)), CHECK)
    assert deleted(found) == {"MedicationRequest/draft-heparin"}
    assert offered_tests(found) == set()
    (card,) = cards_of(judge_chart(*running(1460), weight(80), raised(18000)))[:1]
    assert card.summary == (
        "Heparin 18,000 U/h drafted is 12 times the running 1,460 U/h: check the rate"
    )


def test_of_several_drafts_every_odd_one_goes_and_the_others_stay():
    drafts = (raised(18000, name="one"), raised(9000, name="two"), raised(1600, name="fine"))
    found = due(judge_chart(*running(1460), weight(80), *drafts), CHECK)
    assert deleted(found) == {"MedicationRequest/one", "MedicationRequest/two"}
    assert found.values["odd"] == 18000


@spec(
    "facts, tests",
    ("nothing on record", (), {"anti_xa"}),
    ("a site without anti-Xa", (lab("aptt", 90, 9),), {"aptt"}),
)
def test_at_a_charted_rate_a_level_is_offered_now(facts, tests):
    found = due(judge_chart(*running(6000), KG, *facts, hook="patient-view"), CHECK)
    assert offered_tests(found) == tests
    assert found.choices == ()


def test_while_it_is_critical_that_rate_opens_nothing_else():
    low = (lab("antithrombin", 45), lab("anti_xa", 0.1, 7))
    found = judge_chart(*failing(*low, rate=5000))
    assert topics(found) - {"monitoringDue"} == {CHECK}
    assert every_start(found) == set()
    assert not any("antithrombin" in offered_tests(one) for one in found.items)


def test_a_slipped_draft_keeps_the_running_rate_from_nothing_but_its_drugs():
    """The raise is what is wrong: first it is corrected, then the rest is judged."""
    found = judge_chart(*running(), weight(80), lab("anti_xa", 0.18, 3), raised(16000))
    assert topics(found) - {"monitoringDue"} == {CHECK}


def test_while_it_only_warns_the_others_speak():
    facts = [fact for fact in failing(lab("antithrombin", 45)) if not is_draft(fact)]
    assert {CHECK, "anticoagulantSwitch"} <= topics(judge_chart(*facts, raised(3200)))


def test_hit_goes_before_it_and_starts_its_drug():
    found = judge_chart(*failing(condition("hit"), rate=5000))
    assert topics(found) == {"hitSuspected", CHECK}
    assert every_start(found)


def test_where_it_cannot_be_shown_it_silences_nothing():
    """An antithrombin draft does not open it; a silent topic shows nothing."""
    facts = [f for f in failing(lab("antithrombin", 45), rate=5000) if not is_draft(f)]
    drafted = draft("antithrombin", dose=1000)
    assert "anticoagulantSwitch" in topics(judge_chart(*facts, drafted))
    shipped = protocol()
    for state in ("off", "silent"):
        by = replace(shipped, topics={**shipped.topics, CHECK: state})
        assert "anticoagulantSwitch" in topics(judge_chart(*facts, hook="patient-view", by=by))


def test_an_overdose_is_taken_back_but_not_replaced_while_the_rate_is_in_doubt():
    facts = failing(lab("antithrombin", 50), draft("antithrombin", dose=9000), rate=5000)
    found = due(judge_chart(*facts), "antithrombinOverdose")
    assert every_start(judge_chart(*facts)) == set()
    assert deleted(found) == {"MedicationRequest/draft-antithrombin"}


def volume(rate_in_units, per_ml, **how):
    """A drafted rate that was written in mL/h."""
    one = raised(rate_in_units, **how)
    amount = Amount(rate_in_units, "[IU]/h", per_ml=per_ml)
    return replace(one, dosage=replace(one.dosage, rate=amount, written="15 mL/h"))


@spec(
    "facts, summary",
    (
        "implausible, by the running rate",
        (*running(1460), KG, raised(18000)),
        "Heparin 18,000 U/h drafted is 12 times the running 1,460 U/h: check the rate",
    ),
    (
        "implausible, nothing running",
        (KG, raised(18000)),
        "Heparin 18,000 U/h (180.0 U/kg/h) drafted: check the rate before signing",
    ),
    (
        "by weight, which is not known",
        (raised(180, unit="[IU]/kg/h"),),
        "Heparin drafted at 180 IU/kg/h: check rate and strength",
    ),
    (
        "a vial's strength",
        (*running(1460), KG, volume(150000, 10000)),
        "Heparin 15 mL/h of 10,000 U/mL drafted: a vial's strength, check the bag",
    ),
)
def test_a_refused_rate_is_named_as_it_was_written(facts, summary):
    found = judge_chart(*facts)
    assert due(found, CHECK).indicator is CRITICAL
    (card,) = [c for c in cards_of(found) if c.topic == CHECK]
    assert card.summary == summary
    assert "notAssessed" not in topics(found)


def test_a_bags_strength_is_read():
    assert urgency(*running(1460), KG, volume(1500, 1000)) is None


def test_a_charted_rate_that_cannot_be_true_is_named_and_the_dose_is_not_assessed():
    found = judge_chart(heparin(150000, 48), KG, hook="patient-view")
    assert {CHECK, "notAssessed"} <= topics(found)
    (card,) = [c for c in cards_of(found) if c.topic == CHECK]
    assert "150000" in card.summary
    assert "pump" in card.summary
