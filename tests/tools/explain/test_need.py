"""The required rate, told step by step for one patient."""

from cds_service.tools.explain.patient import explain_patient
from cds_service.tools.explain.text import walk_to_text
from tests.cases import advice_for, cases, tables

NAME = "01-antithrombin-dose"


def test_every_pair_has_a_line_and_the_last_line_is_the_cards():
    found = advice_for(NAME).findings.measured.need.rate
    lines = explain_patient(cases()[NAME], tables()).need
    assert len(lines) == len(found.steps) + 2
    for step, line in zip(found.steps, lines, strict=False):
        assert f"{step.pair.rate:.1f} U/kg/h gave {step.pair.level:g} IU/mL" in line
        assert f"ln need {step.mean:.3f}, spread {step.spread:.3f}" in line
    assert lines[-2] == f"probability above 20 U/kg/h: {found.probability:.2f}"
    assert lines[-1].startswith("0.30 lies at about ")


def test_the_text_holds_it():
    walked = explain_patient(cases()[NAME], tables())
    text = walk_to_text(walked, "default")
    assert "Required rate" in text
    assert walked.need[-1] in " ".join(text.split())
