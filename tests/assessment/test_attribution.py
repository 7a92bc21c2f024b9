"""Whether an anti-Xa is heparin's own (clinical logic 2, "Attribution")."""

from cds_service.chart.facts import Form
from cds_service.chart.query_result import QueryState
from tests.builders import (
    MINUTE,
    choosing,
    failed,
    given,
    lab,
    measured,
    order,
    procedure,
    running,
    spec,
    weight,
    why,
)

XA = lab("anti_xa", 0.5, 0)  # drawn now, so that hours ago are hours before the draw


def foreign(*facts, admitted=None):
    return why(measured(*running(), XA, *facts, admitted=admitted).levels.anti_xa.usable.reasons)


def kidneys(clearance):
    """A man of 60 and 72 kg whose clearance by Cockcroft-Gault is 80 / creatinine."""
    return (lab("creatinine", 80 / clearance), weight(72))


GOOD, AT_THE_LINE, POOR = kidneys(80), kidneys(30), kidneys(29.9)


@spec(
    "facts, reason",
    ("nothing else", (*GOOD,), ""),
    ("apixaban just within 72 h", (given("apixaban", 72 - MINUTE), *GOOD), "oralXa"),
    ("apixaban at 72 h", (given("apixaban", 72), *GOOD), ""),
    ("rivaroxaban", (given("rivaroxaban", 10), *GOOD), "oralXa"),
    ("edoxaban", (given("edoxaban", 10), *GOOD), "oralXa"),
    ("apixaban within 120 h, poor kidneys", (given("apixaban", 120 - MINUTE), *POOR), "oralXa"),
    ("apixaban at 120 h, poor kidneys", (given("apixaban", 120), *POOR), ""),
    ("apixaban at 100 h, clearance of 30", (given("apixaban", 100), *AT_THE_LINE), ""),
    ("apixaban at 100 h, clearance not known", (given("apixaban", 100),), "oralXa"),
    (
        "apixaban at 100 h, creatinine risen by half",
        (given("apixaban", 100), lab("creatinine", 0.6, 40), lab("creatinine", 0.9), weight(72)),
        "oralXa",
    ),
    ("enoxaparin just within 24 h", (given("enoxaparin", 24 - MINUTE, 80), *GOOD), "lmwh"),
    ("enoxaparin at 24 h", (given("enoxaparin", 24, 80), *GOOD), ""),
    ("enoxaparin within 48 h, poor kidneys", (given("enoxaparin", 48 - MINUTE, 80), *POOR), "lmwh"),
    ("enoxaparin at 48 h, poor kidneys", (given("enoxaparin", 48, 80), *POOR), ""),
    ("a prophylactic dose contaminates too", (given("dalteparin", 10, 5000), *GOOD), "lmwh"),
    ("fondaparinux just within 5 d", (given("fondaparinux", 120 - MINUTE), *GOOD), "fondaparinux"),
    ("fondaparinux at 5 d", (given("fondaparinux", 120), *GOOD), ""),
    ("danaparoid within 5 d", (given("danaparoid", 100), *GOOD), "fondaparinux"),
    ("not given", (given("apixaban", 10, done=False), *GOOD), ""),
    ("given at the moment of the draw", (given("apixaban", 0), *GOOD), "oralXa"),
    ("given after the draw", (given("apixaban", -MINUTE), *GOOD), ""),
    ("dabigatran inhibits no factor Xa", (given("dabigatran", 10), *GOOD), ""),
    (
        "an infusion that ended within the span",
        (given("danaparoid", 200, until=100, form=Form.INFUSION), *GOOD),
        "fondaparinux",
    ),
    (
        "an infusion that still runs",
        (given("danaparoid", 200, point=False, form=Form.INFUSION), *GOOD),
        "fondaparinux",
    ),
)
def test_what_makes_an_anti_xa_another_drugs(facts, reason):
    assert foreign(*facts) == ({f"anti_xa: foreign.{reason}"} if reason else set())


@spec(
    "facts, reason",
    ("a standing order", (order("apixaban", hours_ago=300), *GOOD), "oralXa"),
    ("a standing order without a date", (order("apixaban", hours_ago=None), *GOOD), "oralXa"),
    (
        "an ended order without a date",
        (order("apixaban", hours_ago=None, status="stopped"), *GOOD),
        "",
    ),
    (
        "an ended order within the span",
        (order("apixaban", hours_ago=71, status="stopped"), *GOOD),
        "oralXa",
    ),
    (
        "an ended order before the span",
        (order("apixaban", hours_ago=72, status="stopped"), *GOOD),
        "",
    ),
    (
        "an ended order from the moment of the draw",
        (order("apixaban", hours_ago=0, status="stopped"), *GOOD),
        "oralXa",
    ),
    ("an order after the draw", (order("apixaban", hours_ago=-MINUTE), *GOOD), ""),
    ("a proposal", (order("apixaban", hours_ago=10, intent="proposal"), *GOOD), ""),
)
def test_where_no_administrations_are_kept_orders_stand_for_doses(facts, reason):
    by = choosing(administrations_kept=False)
    found = measured(*running(), XA, *facts, by=by).levels.anti_xa
    assert why(found.usable.reasons) == ({f"anti_xa: foreign.{reason}"} if reason else set())
    assert foreign(*facts) == set()


@spec(
    "home, admitted, expected",
    ("just within 72 h of admission", {}, 72 - MINUTE, True),
    ("72 h after admission", {}, 72, False),
    ("a home medicine noted as stopped counts too", {"status": "stopped"}, 10, True),
    ("completed", {"status": "completed"}, 10, True),
    ("on hold", {"status": "on-hold"}, 10, True),
    ("of a status nobody knows", {"status": "unknown"}, 10, True),
    ("a home medicine entered in error does not", {"status": "draft"}, 10, False),
    ("admission not known, listed as active", {}, None, True),
    ("admission not known, not active", {"status": "stopped"}, None, False),
)
def test_a_home_medicine_counts_until_it_has_washed_out(home, admitted, expected):
    apixaban = order("apixaban", hours_ago=900, home=True, **home)
    assert bool(foreign(apixaban, *GOOD, admitted=admitted)) is expected


@spec(
    "state",
    ("administrations failed", failed("administrations")),
    ("orders failed", failed("orders")),
    ("orders partial", failed("orders", state=QueryState.PARTIAL)),
    ("orders not supplied", failed("orders", state=QueryState.NOT_SUPPLIED)),
)
def test_without_the_medicines_nobody_can_say_whose_it_is(state):
    assert foreign(state, *GOOD) == {"anti_xa: medicinesUnknown"}


def test_without_an_anti_xa_there_is_nothing_to_attribute():
    assert measured(*running(), given("apixaban", 10)).levels.anti_xa.usable.yes


def test_replacement_of_the_kidneys_is_poor_clearance_only_by_its_number():
    """The modality sets the bivalirudin rate; the washout follows the clearance."""
    assert foreign(given("apixaban", 100), procedure("crrt", running=True), *GOOD) == set()


@spec(
    "label, named",
    ("heparin's own", "Heparin anti-Xa UFH", False),
    ("LMWH under the code of UFH", "Anti-Xa, LMWH", True),
    ("by a drug's name", "Anti-Xa enoxaparin", True),
    ("spelt out", "Low molecular weight heparin level", True),
    ("an oral drug", "Apixaban anti-Xa", True),
    ("fondaparinux", "Anti-Xa fondaparinux", True),
)
def test_a_result_that_names_another_drug_is_not_heparins(label, named):
    found = measured(*running(), lab("anti_xa", 0.5, 1, label=label), *GOOD).levels
    assert why(found.anti_xa.usable.reasons) == ({"anti_xa: namesAnother"} if named else set())


def test_a_low_result_that_names_another_drug_is_still_low():
    found = measured(*running(), lab("anti_xa", 0.2, 1, label="Anti-Xa LMWH"), *GOOD).levels
    assert found.below.yes
