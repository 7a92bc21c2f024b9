"""Risk groups on record (clinical logic 3, last paragraph)."""

from tests.builders import (
    MINUTE,
    condition,
    given,
    lab,
    measured,
    procedure,
    spec,
)

DAY = 24
MONTH = 365 * DAY / 12


def risk(*facts):
    return measured(*facts).risk


ACUTE = (
    ("sepsis", "immediate"),
    ("septic_shock", "immediate"),
    ("pregnancy_complication", "immediate"),
    ("trauma", "moderate"),
    ("dic", "moderate"),
    ("protein_losing_enteropathy", "moderate"),
    ("burns", "moderate"),
)
CHRONIC = (
    ("cancer", "immediate"),
    ("cirrhosis", "moderate"),
    ("hepatic_failure", "moderate"),
    ("chronic_liver_disease", "moderate"),
    ("nephrotic", "moderate"),
    ("hereditary_at_deficiency", "moderate"),
)


@spec("concept, group", *((c, c, g) for c, g in ACUTE))
def test_an_acute_group_counts_for_30_days(concept, group):
    assert concept in getattr(risk(condition(concept, 30 * DAY)), group)
    assert not risk(condition(concept, 30 * DAY + MINUTE)).any
    assert concept in getattr(risk(condition(concept, 900, onset=-0.0)), group)
    assert concept in getattr(risk(condition(concept, None)), group)
    assert concept in getattr(risk(condition(concept, 10, active=None)), group)
    assert not risk(condition(concept, 10, active=False)).any


@spec("concept, group", *((c, c, g) for c, g in CHRONIC))
def test_a_chronic_group_counts_without_limit(concept, group):
    assert concept in getattr(risk(condition(concept, 5000 * DAY)), group)
    assert not risk(condition(concept, 10, active=False)).any


@spec(
    "fact, names",
    ("cardiac surgery seven days ago", procedure("cardiac_surgery", 7 * DAY), ("cardiac_surgery",)),
    ("a minute earlier", procedure("cardiac_surgery", 7 * DAY + MINUTE), ()),
    ("bypass", procedure("bypass", 50, 48), ("cardiac_surgery",)),
    ("planned for tomorrow", procedure("cardiac_surgery", -DAY), ()),
    ("undated", procedure("cardiac_surgery", None), ()),
    ("major surgery seven days ago", procedure("major_surgery", 7 * DAY), ("major_surgery",)),
    ("major surgery a minute earlier", procedure("major_surgery", 7 * DAY + MINUTE), ()),
    ("ECMO in progress", procedure("ecmo", 300, running=True), ("ecmo",)),
    ("ECMO ended 24 h ago", procedure("ecmo", 300, 24), ("ecmo",)),
    ("ECMO ended a minute earlier", procedure("ecmo", 300, 24 + MINUTE), ()),
    ("CRRT in progress", procedure("crrt", 300, running=True), ("crrt",)),
    ("intermittent dialysis is no such circuit", procedure("hemodialysis", 5, 2), ()),
    ("sepsis", condition("sepsis"), ("sepsis",)),
    ("nothing", condition("atrial_fibrillation"), ()),
)
def test_groups_by_name(fact, names):
    assert risk(fact).names == names


@spec(
    "fact, recovering",
    ("72 h after cardiac surgery", procedure("cardiac_surgery", 75, 72), True),
    ("a minute later", procedure("cardiac_surgery", 75, 72 + MINUTE), False),
)
def test_recovery_after_cardiac_surgery(fact, recovering):
    assert risk(fact).soon_after_surgery is recovering


WEEKS = 42 * 7 * DAY


@spec(
    "facts, pregnant",
    ("a pregnancy on record", (condition("pregnancy", WEEKS),), True),
    ("a minute beyond 42 weeks", (condition("pregnancy", WEEKS + MINUTE),), False),
    ("a complication of it", (condition("pregnancy_complication", 50),), True),
    ("over", (condition("pregnancy", 50, active=False),), False),
    ("a status observation", (lab("pregnancy_status", None, WEEKS, positive=True),), True),
    ("too old", (lab("pregnancy_status", None, WEEKS + MINUTE, positive=True),), False),
    ("not pregnant", (lab("pregnancy_status", None, 5, positive=False),), False),
    (
        "the newest status counts",
        (
            lab("pregnancy_status", None, 50, positive=True),
            lab("pregnancy_status", None, 5, positive=False),
        ),
        False,
    ),
)
def test_pregnancy(facts, pregnant):
    assert risk(*facts).pregnant is pregnant


@spec(
    "fact, given_lately",
    ("48 h ago", given("andexanet", 48), True),
    ("a minute earlier", given("andexanet", 48 + MINUTE), False),
    ("not given", given("andexanet", 5, done=False), False),
)
def test_andexanet(fact, given_lately):
    assert (risk(fact).andexanet is not None) is given_lately


@spec(
    "fact, coronary",
    (
        "a coronary syndrome twelve months ago",
        condition("acute_coronary_syndrome", 12 * MONTH),
        True,
    ),
    ("a minute earlier", condition("acute_coronary_syndrome", 12 * MONTH + MINUTE), False),
    ("a stent twelve months ago", procedure("coronary_stent", 12 * MONTH), True),
    ("a stent a minute earlier", procedure("coronary_stent", 12 * MONTH + MINUTE), False),
    ("a stent on the problem list", condition("coronary_stent", 12 * MONTH), True),
    ("too long on the problem list", condition("coronary_stent", 12 * MONTH + MINUTE), False),
    ("none", condition("atrial_fibrillation"), False),
)
def test_a_coronary_syndrome_or_stent(fact, coronary):
    assert risk(fact).coronary is coronary
