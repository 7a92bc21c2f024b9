"""The controls of docs/safety.md that no other test shows, each under both protocols.

A patient for whom a dose or a switch would be offered; one thing is wrong with the record; then
nothing is offered that must not be, and the card says why.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.advice import advise
from cds_service.assessment.model.recommendation import Recommendation, StartDrug, StopOrder
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.chart.query_result import QueryState
from cds_service.rulebook.load import PROTOCOLS as FILES
from cds_service.rulebook.load import WORDING, load_protocol
from cds_service.rulebook.toml_table import TableFault
from tests.cases import advice_for, called, tables
from tests.oracle import chart as fhir_chart
from tests.oracle.cell import Cell
from tests.vignettes import (
    NOW,
    PROTOCOLS,
    answers_for,
    ask,
    chart,
    patient,
    recommended,
    starts,
    text,
    topics,
    units_in_text,
)

Json = dict[str, Any]
Change = Callable[[Json], Json]
FAILED = (QueryState.FAILED, QueryState.PARTIAL, QueryState.NOT_SUPPLIED)
DECIDING = ("conditions", "allergies", "blood", "coagulation", "administrations", "orders")
GATES = ("patient", "conditions", "allergies", "blood")

DOSE, SWITCH = patient(antithrombin=60), patient(antithrombin=45)
both_protocols = pytest.mark.parametrize("protocol", PROTOCOLS)


def changed(cell: Cell, query: str, name: str, change: Change) -> dict[str, list[Json]]:
    """One resource of a query's answer, changed."""
    rows = chart(cell)[query]
    assert any(row["id"] == name for row in rows), name
    return {query: [change(row) if row["id"] == name else row for row in rows]}


def with_value(value: float, unit: str) -> Change:
    return lambda row: {**row, "valueQuantity": fhir_chart.quantity(value, unit)}


def drawn(hours: float) -> Change:
    at = (NOW - timedelta(hours=hours)).isoformat()
    return lambda row: {**row, "effectiveDateTime": at, "issued": at}


def without(name: str) -> Change:
    return lambda row: {key: value for key, value in row.items() if key != name}


# What is wrong with one fact, and the words by which the card says it.
NO_DOSE: dict[str, tuple[str, str, Change, str]] = {
    "weight of 800 kg": ("body", "weight", with_value(800, "kg"), "800 kg"),
    "weight in an unknown unit": ("body", "weight", with_value(80, "stone"), "unit not known"),
    "weight without a unit": (
        "body",
        "weight",
        lambda row: {**row, "valueQuantity": {"value": 80}},
        "unit not known",
    ),
    "weight of another patient": (
        "body",
        "weight",
        lambda row: {**row, "subject": {"reference": "Patient/somebody-else"}},
        "of another patient",
    ),
    "weight of 31 days ago": ("body", "weight", drawn(31 * 24), "too old"),
    "antithrombin of 25 hours ago": ("coagulation", "antithrombin", drawn(25), "too old"),
    "antithrombin of 400 %": (
        "coagulation",
        "antithrombin",
        with_value(400, "%"),
        "implausible value",
    ),
    "antithrombin in mg/dL": (
        "coagulation",
        "antithrombin",
        with_value(15, "mg/dL"),
        "unit not known",
    ),
    "antithrombin as antigen": (
        "coagulation",
        "antithrombin",
        lambda row: {**row, "code": fhir_chart.concept(fhir_chart.LOINC, "27812-7")},
        "Antithrombin antigen",
    ),
    "antithrombin of another patient": (
        "coagulation",
        "antithrombin",
        lambda row: {**row, "subject": {"reference": "Patient/somebody-else"}},
        "of another patient",
    ),
    "antithrombin entered in error": (
        "coagulation",
        "antithrombin",
        lambda row: {**row, "status": "entered-in-error"},
        "antithrombin activity (not on record)",
    ),
    "antithrombin below a limit": (
        "coagulation",
        "antithrombin",
        lambda row: {
            **row,
            "valueQuantity": {**fhir_chart.quantity(45, "%"), "comparator": "<"},
        },
        "only a limit reported",
    ),
}


@both_protocols
@pytest.mark.parametrize("fault", NO_DOSE)
def test_a_wrong_fact_gives_no_dose_and_the_card_says_which(fault: str, protocol: str) -> None:
    query, name, change, words = NO_DOSE[fault]
    assert "antithrombin" in starts(ask(DOSE, protocol))

    advice = ask(DOSE, protocol, changed(DOSE, query, name, change))

    assert "antithrombin" not in starts(advice)
    assert units_in_text(advice) == set()
    assert words in text(advice)


@both_protocols
@pytest.mark.parametrize("cell", [DOSE, SWITCH], ids=["dose", "switch"])
def test_a_child_is_offered_nothing(cell: Cell, protocol: str) -> None:
    born = (NOW - timedelta(days=17 * 365)).date().isoformat()
    child = changed(cell, "patient", fhir_chart.PATIENT, lambda row: {**row, "birthDate": born})

    advice = ask(cell, protocol, child)

    assert starts(advice) == {}
    assert topics(advice) == ("adultOnly",)


@both_protocols
@pytest.mark.parametrize("cell", [DOSE, SWITCH], ids=["dose", "switch"])
def test_without_a_birth_date_nothing_is_offered(cell: Cell, protocol: str) -> None:
    unborn = changed(cell, "patient", fhir_chart.PATIENT, without("birthDate"))

    advice = ask(cell, protocol, unborn)

    assert starts(advice) == {}
    assert "birth date: not on record" in text(advice)


@both_protocols
@pytest.mark.parametrize("cell", [DOSE, SWITCH], ids=["dose", "switch"])
def test_in_active_bleeding_nothing_is_offered(cell: Cell, protocol: str) -> None:
    advice = ask(replace(cell, bleeding="major"), protocol)
    assert starts(advice) == {}
    assert "Gastrointestinal hemorrhage" in text(advice)


@both_protocols
@pytest.mark.parametrize("cell", [DOSE, SWITCH], ids=["dose", "switch"])
def test_in_hit_antithrombin_and_heparin_are_never_offered(cell: Cell, protocol: str) -> None:
    advice = ask(replace(cell, hit=True), protocol)
    assert topics(advice) == ("hitSuspected",)
    assert starts(advice).keys() <= {"argatroban", "bivalirudin"}


@both_protocols
@pytest.mark.parametrize("state", FAILED, ids=lambda state: state.value)
@pytest.mark.parametrize("query", DECIDING)
def test_what_could_not_be_read_is_named_and_never_silent(
    query: str, state: QueryState, protocol: str
) -> None:
    advice = ask(SWITCH, protocol, states={query: state})
    assert "notAssessed" in topics(advice)


@both_protocols
@pytest.mark.parametrize("state", FAILED, ids=lambda state: state.value)
@pytest.mark.parametrize("query", GATES)
@pytest.mark.parametrize("cell", [DOSE, SWITCH], ids=["dose", "switch"])
def test_with_a_gate_unknown_nothing_is_offered(
    cell: Cell, query: str, state: QueryState, protocol: str
) -> None:
    assert starts(ask(cell, protocol, states={query: state})) == {}


@both_protocols
def test_every_start_of_an_anticoagulant_stops_the_heparin_with_it(protocol: str) -> None:
    """Two therapeutic anticoagulants are never left running by a suggestion."""
    for cell in (SWITCH, replace(SWITCH, hit=True), replace(SWITCH, renal="impaired")):
        for item in ask(cell, protocol).findings.items:
            assert unstopped(item) == [], cell


def unstopped(item: Recommendation) -> list[str]:
    """Suggestions that start another anticoagulant and leave heparin running."""
    return [
        choice.label
        for choice in item.choices
        if any(isinstance(a, StartDrug) and a.drug != "antithrombin" for a in choice.actions)
        and not any(isinstance(a, StopOrder) for a in choice.actions)
    ]


@both_protocols
def test_in_pregnancy_no_anticoagulant_is_recommended(protocol: str) -> None:
    pregnant = fhir_chart.conditions(replace(SWITCH, sepsis=True), NOW)[0] | {
        "id": "pregnancy",
        "code": fhir_chart.concept(fhir_chart.ICD10CM, "Z33.1", "Pregnant state, incidental"),
    }

    advice = ask(SWITCH, protocol, {"conditions": [pregnant]})

    assert recommended(advice) == ()
    assert "ask obstetric haematology" in text(advice)


OF_ANOTHER_DRUG = ("Anti-Xa, LMWH", "Anti-Xa (enoxaparin)", "Anti Xa low molecular weight heparin")


def named(label: str, value: float) -> Change:
    """An anti-Xa under the code of unfractionated heparin, by another name."""
    return lambda row: {
        **row,
        "code": {**row["code"], "text": label},
        "valueQuantity": fhir_chart.quantity(value, "[IU]/mL"),
    }


@both_protocols
@pytest.mark.parametrize("label", OF_ANOTHER_DRUG)
def test_an_anti_xa_named_for_another_drug_is_not_heparins(label: str, protocol: str) -> None:
    """At target or above it says nothing of heparin; contamination only raises: low is low."""
    cell = replace(DOSE, aptt=None)
    for value, below in ((0.5, False), (0.9, False), (0.15, True)):
        reported = changed(cell, "coagulation", "anti-xa", named(label, value))
        advice = ask(cell, protocol, reported)
        verdicts = advice.findings.verdicts
        assert verdicts["below_target"].yes is below
        assert not verdicts["on_target"].yes
        assert not verdicts["above_target"].yes


@pytest.mark.parametrize("label", ["Anti-Xa, heparin", "Heparin unfractionated", "UFH level"])
def test_an_anti_xa_named_for_heparin_is(label: str) -> None:
    reported = changed(DOSE, "coagulation", "anti-xa", named(label, 0.5))
    assert ask(DOSE, more=reported).findings.verdicts["on_target"].yes


@both_protocols
@pytest.mark.parametrize("status", ["not-done", "entered-in-error"])
def test_heparin_that_was_not_given_is_no_dose(status: str, protocol: str) -> None:
    held = changed(
        DOSE, "administrations", "heparin-infusion", lambda row: {**row, "status": status}
    )

    advice = ask(DOSE, protocol, held | {"orders": []})

    assert starts(advice) == {}
    assert not advice.findings.verdicts["high"].yes


@both_protocols
@pytest.mark.parametrize("fixture", ["03-severe-deficiency-switch", "18-hit-by-score"])
def test_a_critical_card_comes_again_however_often_it_was_overridden(
    fixture: str, protocol: str
) -> None:
    """An answer knows nothing of earlier ones: nothing can wear a critical card down."""
    first, again = advice_for(fixture, protocol), advice_for(fixture, protocol)
    assert first.cards[0].indicator == "critical"
    assert first.cards == again.cards


def test_no_word_of_ours_says_to_raise_heparin() -> None:
    words = WORDING.read_text(encoding="utf-8").lower()
    sentences = [line for line in words.splitlines() if not line.startswith("#")]
    advice = re.compile(r"(raise|increase|more) (the )?(heparin|rate|dose|infusion)")
    assert [line for line in sentences if advice.search(line)] == []


@pytest.mark.parametrize(("state", "shown"), [("on", True), ("silent", False), ("off", False)])
def test_a_topic_can_be_silenced_by_the_protocol_and_is_still_computed(
    state: str, *, shown: bool
) -> None:
    rules = tables()
    topic_states = dict(rules.protocol.topics) | {"antithrombinDose": state}
    quiet = replace(rules, protocol=replace(rules.protocol, topics=topic_states))
    asked = called(fhir_chart.hook_request(DOSE))

    advice = advise(asked, answers_for(DOSE), quiet, NOW)

    assert ("antithrombinDose" in topics(advice)) is shown
    assert ("antithrombinDose" in {one.topic for one in advice.due}) is (state != "off")
    assert ("antithrombinDose" in {card.topic for card in advice.silent}) is (state == "silent")


# A protocol file that is wrong.


def protocol_with(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    body = FILES["default"].read_text(encoding="utf-8")
    for old, new in changes:
        assert body.count(old) == 1, old
        body = body.replace(old, new)
    path = tmp_path / "ours.toml"
    path.write_text(body, encoding="utf-8")
    return path


def line_of(section: str, key: str) -> str:
    """The line of a row in the default protocol."""
    body = FILES["default"].read_text(encoding="utf-8").split(f"[rows.{section}]")[1]
    return next(line for line in body.splitlines() if line.startswith(f"{key} = "))


def faults(path: Path) -> tuple[str, ...]:
    with pytest.raises(TableFault) as refusal:
        load_protocol(path)
    return refusal.value.faults


WRONG: Mapping[str, tuple[str, str, str, str]] = {
    "ten times the recovery": (
        "antithrombin_dose",
        "recovery",
        "recovery = { value = 14, unit = '%/([IU]/kg)', source = 'x' }",
        "rows.antithrombin_dose.recovery.value: 14 is outside 0.5 to 2.5",
    ),
    "a prediction beyond 150 %": (
        "antithrombin_dose",
        "highest_predicted",
        "highest_predicted = { value = 151, unit = '%', source = 'x' }",
        "rows.antithrombin_dose.highest_predicted.value: 151 is outside 100 to 150",
    ),
    "another unit": (
        "levels",
        "anti_xa_low",
        "anti_xa_low = { value = 0.3, unit = '[IU]/dL', source = 'x' }",
        "rows.levels.anti_xa_low.unit: is '[IU]/dL', must be '[IU]/mL'",
    ),
    "no source": (
        "levels",
        "anti_xa_low",
        "anti_xa_low = { value = 0.3, unit = '[IU]/mL', source = ' ' }",
        "rows.levels.anti_xa_low.source: missing",
    ),
    "a misspelt key": (
        "levels",
        "anti_xa_low",
        "anti_xa_lo = { value = 0.3, unit = '[IU]/mL', source = 'x' }",
        "rows.levels.anti_xa_lo: unknown threshold",
    ),
    "a fixed number": (
        "antithrombin_dose",
        "target",
        "target = { value = 100, unit = '%', source = 'x' }\n"
        "label_recovery = { value = 1, unit = '%/([IU]/kg)', source = 'x' }",
        "rows.antithrombin_dose.label_recovery: is fixed and cannot be set",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_protocol_refuses_the_start_and_names_the_key(fault: str, tmp_path: Path) -> None:
    section, key, line, said = WRONG[fault]
    path = protocol_with(tmp_path, (line_of(section, key), line))
    assert f"ours.toml: {said}" in faults(path)


def test_all_faults_of_a_protocol_are_reported_at_once(tmp_path: Path) -> None:
    path = protocol_with(
        tmp_path,
        *(
            (line_of(*WRONG[name][:2]), WRONG[name][2])
            for name in ("another unit", "a fixed number")
        ),
        ('hitSuspected = "on"', 'hitSuspected = "loud"'),
        ('dose_form = "divide" ', 'dose_form = "guess" '),
    )
    assert {fault.split(":")[1].strip() for fault in faults(path)} == {
        "rows.levels.anti_xa_low.unit",
        "rows.antithrombin_dose.label_recovery",
        "topics.hitSuspected",
        "options.dose_form",
    }


def test_lines_that_cross_are_refused(tmp_path: Path) -> None:
    crossed = line_of("levels", "anti_xa_high").replace("value = 0.7", "value = 0.5")
    low = line_of("levels", "anti_xa_low").replace("value = 0.3", "value = 0.4")
    fine = protocol_with(
        tmp_path,
        (line_of("levels", "anti_xa_high"), crossed),
        (line_of("levels", "anti_xa_low"), low),
    )
    assert load_protocol(fine)["levels.anti_xa_low"] == 0.4

    severe = line_of("antithrombin", "severe").replace("value = 50", "value = 60")
    lower = line_of("antithrombin", "low").replace("value = 70", "value = 60")
    equal = protocol_with(
        tmp_path,
        (line_of("antithrombin", "severe"), severe),
        (line_of("antithrombin", "low"), lower),
    )
    assert load_protocol(equal)["antithrombin.low"] == 60

    steep = line_of("heparin", "standard_rate").replace("value = 18.5", "value = 22")
    slow = line_of("heparin", "high_rate").replace("value = 25", "value = 20")
    wrong = protocol_with(
        tmp_path,
        (line_of("heparin", "standard_rate"), steep),
        (line_of("heparin", "high_rate"), slow),
    )
    assert faults(wrong) == (
        "ours.toml: rows.heparin.standard_rate: 22 is above rows.heparin.high_rate",
    )


def test_an_option_left_out_or_invented_is_named(tmp_path: Path) -> None:
    path = protocol_with(tmp_path, ("organ_choice = ", "organ_choise = "))
    assert {
        "ours.toml: options.organ_choice: missing",
        "ours.toml: options.organ_choise: unknown option",
    } <= {*faults(path)}


def test_a_row_left_out_is_named(tmp_path: Path) -> None:
    path = protocol_with(tmp_path, (line_of("weight", "current"), ""))
    assert "ours.toml: rows.weight.current: missing" in faults(path)


def test_every_topic_can_be_switched_and_no_other() -> None:
    for name in PROTOCOLS:
        switched = tomllib.loads(FILES[name].read_text(encoding="utf-8"))["topics"]
        assert list(switched) == list(TOPICS)
