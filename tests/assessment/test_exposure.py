"""Treatment dose or prophylaxis; an unknown dose counts as treatment (clinical logic 2)."""

from cds_service.assessment.measure.exposure import is_treatment
from cds_service.chart.facts import Form, Problem, Route, Use
from tests.builders import case, condition, order, spec


@spec(
    "one, treatment",
    ("enoxaparin 40 mg a day", order("enoxaparin", dose=40, per_day=1), False),
    ("enoxaparin just above 40 mg a day", order("enoxaparin", dose=40.1, per_day=1), True),
    ("enoxaparin 30 mg twice", order("enoxaparin", dose=30, per_day=2), False),
    ("enoxaparin just above 30 mg twice", order("enoxaparin", dose=30.1, per_day=2), True),
    ("enoxaparin 30 mg three times", order("enoxaparin", dose=30, per_day=3), True),
    ("enoxaparin 80 mg twice", order("enoxaparin", dose=80, per_day=2), True),
    ("enoxaparin without a dose", order("enoxaparin"), True),
    ("enoxaparin without a frequency", order("enoxaparin", dose=40), True),
    (
        "enoxaparin in free text",
        order("enoxaparin", dose=40, per_day=1, problem=Problem.TEXT_ONLY),
        True,
    ),
    ("enoxaparin in IU", order("enoxaparin", dose=40, per_day=1, unit="[IU]"), True),
    ("dalteparin 5,000 U a day", order("dalteparin", dose=5000, per_day=1), False),
    ("dalteparin just above", order("dalteparin", dose=5001, per_day=1), True),
    ("dalteparin 2,500 U twice", order("dalteparin", dose=2500, per_day=2), False),
    ("fondaparinux 2.5 mg a day", order("fondaparinux", dose=2.5, per_day=1), False),
    ("fondaparinux just above", order("fondaparinux", dose=2.51, per_day=1), True),
    ("rivaroxaban 10 mg a day", order("rivaroxaban", dose=10, per_day=1), False),
    ("rivaroxaban just above", order("rivaroxaban", dose=10.1, per_day=1), True),
    ("rivaroxaban 2.5 mg twice", order("rivaroxaban", dose=2.5, per_day=2), False),
    ("apixaban 2.5 mg twice", order("apixaban", dose=2.5, per_day=2), False),
    ("apixaban just above", order("apixaban", dose=2.51, per_day=2), True),
    ("apixaban 2.5 mg once", order("apixaban", dose=2.5, per_day=1), True),
    ("apixaban without a dose", order("apixaban"), True),
    ("edoxaban", order("edoxaban", dose=15, per_day=1), True),
    ("dabigatran", order("dabigatran", dose=110, per_day=2), True),
    ("danaparoid", order("danaparoid", dose=750, per_day=2), True),
    ("warfarin", order("warfarin", dose=1, per_day=1), True),
    ("heparin infusion", order("heparin", rate=900), True),
    ("heparin infusion without a rate", order("heparin", form=Form.INFUSION), True),
    ("heparin at 200 U/h", order("heparin", rate=200), True),
    ("heparin at 199 U/h", order("heparin", rate=199), False),
    ("heparin by weight", order("heparin", rate=2, unit="[IU]/kg/h"), True),
    ("heparin flush", order("heparin", dose=20, use=Use.NO_THERAPY), False),
    ("heparin bolus", order("heparin", dose=5000), True),
    (
        "heparin 7,500 U under the skin",
        order("heparin", dose=7500, route=Route.SUBCUTANEOUS),
        False,
    ),
    ("heparin just above", order("heparin", dose=7501, route=Route.SUBCUTANEOUS), True),
    ("heparin under the skin, dose unknown", order("heparin", route=Route.SUBCUTANEOUS), True),
)
def test_treatment_or_prophylaxis(one, treatment):
    assert is_treatment(case(), one) is treatment


@spec(
    "fibrillation, treatment",
    ("with atrial fibrillation", condition("atrial_fibrillation", 9000), True),
    ("without a status", condition("atrial_fibrillation", 9000, active=None), True),
    ("over", condition("atrial_fibrillation", 9000, active=False), False),
)
def test_apixaban_in_atrial_fibrillation_is_treatment_at_any_dose(fibrillation, treatment):
    apixaban = order("apixaban", dose=2.5, per_day=2)
    assert is_treatment(case(fibrillation), apixaban) is treatment
