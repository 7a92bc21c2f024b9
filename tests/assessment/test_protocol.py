"""The protocol file: what the loader refuses, and that tables and code name the same keys."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cds_service.assessment.model.protocol import Bounds, ProtocolFile
from cds_service.assessment.recommend.citations import PARTS
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.rules.rules import RULES
from cds_service.chart.facts import Problem
from cds_service.chart.fhir_datetime import DATE_ONLY, NO_ZONE
from cds_service.chart.query_result import QueryState
from cds_service.rulebook.load import BOUNDS, PROTOCOLS, RISING, load_protocol
from cds_service.rulebook.toml_table import TableFault, read_table
from tests.builders import protocol, spec
from tests.cases import tables

DEFAULT = PROTOCOLS["default"]
LEFT_OPEN = frozenset({DATE_ONLY, NO_ZONE})  # what a recorded time may leave open
PACKAGE = Path(__file__).parents[2] / "cds_service"


# --- what the loader refuses -------------------------------------------------------------------


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The default protocol with one line of it another."""
    text = DEFAULT.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{text.count(old)} lines hold {old!r}"
    path = tmp_path / "site.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


PAIR = 'pair = { value = 2, unit = "h", source = "one draw, or nearly" }'
STRANGE = """[intensities."low intensity"]
test = "anti_xa"
low = {low}
high = {high}
source = "ward standard"
reviewed = 2026-01-15

"""
LOW = 'anti_xa_low = { value = 0.3, unit = "[IU]/mL"'


@spec(
    "old, new, fault",
    (
        "an unknown threshold",
        PAIR,
        f"{PAIR}\npears = {{ value = 1, unit = 'h', source = 'x' }}",
        "rows.levels.pears: unknown threshold",
    ),
    ("a missing threshold", PAIR, "", "rows.levels.pair: missing"),
    (
        "too low",
        LOW,
        LOW.replace("0.3", "0.19"),
        "rows.levels.anti_xa_low.value: 0.19 is outside 0.2 to 0.4",
    ),
    (
        "too high",
        LOW,
        LOW.replace("0.3", "0.41"),
        "rows.levels.anti_xa_low.value: 0.41 is outside 0.2 to 0.4",
    ),
    (
        "another unit",
        PAIR,
        PAIR.replace('"h"', '"min"'),
        "rows.levels.pair.unit: is 'min', must be 'h'",
    ),
    (
        "no source",
        PAIR,
        PAIR.replace("one draw, or nearly", " "),
        "rows.levels.pair.source: missing",
    ),
    (
        "an option that is none of its choices",
        'dose_form = "divide"',
        'dose_form = "add"',
        "options.dose_form: must be one of divide, multiply",
    ),
    ("a missing option", "weight_condition = true", "", "options.weight_condition: missing"),
    (
        "an unknown option",
        "weight_condition = true",
        "weight_condition = true\nmoon = true",
        "options.moon: unknown option",
    ),
    (
        "a topic of another state",
        'andexanetExposure = "on"',
        'andexanetExposure = "loud"',
        "topics.andexanetExposure: must be on, silent or off",
    ),
    (
        "a missing topic",
        'andexanetExposure = "on"',
        "",
        "topics.andexanetExposure: must be on, silent or off",
    ),
    (
        "an unknown topic",
        'andexanetExposure = "on"',
        'andexanetExposure = "on"\nmoon = "on"',
        "topics.moon: unknown topic",
    ),
    ("a number that is text", LOW, LOW.replace("0.3", '"0.3"'), "rows.levels.anti_xa_low.value"),
    ("a date that is none", "review_due = 2027-11-22", 'review_due = "soon"', "review_due"),
    ("no toml at all", "[options]", "[options", "site.toml"),
    (
        "an intensity upside down",
        "[options]",
        STRANGE.format(low=0.5, high=0.2) + "[options]",
        "intensities.low intensity: 0.5 to 0.2 is no range of anti_xa",
    ),
    (
        "an intensity out of bounds",
        "[options]",
        STRANGE.format(low=0.3, high=1.2) + "[options]",
        "intensities.low intensity: 0.3 to 1.2 is no range of anti_xa",
    ),
    (
        "the laboratory's aPTT range without its date",
        'aptt_range = "unset"',
        'aptt_range = "site"',
        "rows.levels.aptt_low.reviewed: when the laboratory set it",
    ),
)
def test_a_protocol_with_a_fault_is_refused_by_name(tmp_path, old, new, fault):
    with pytest.raises(TableFault, match=re.escape(fault)):
        load_protocol(changed(tmp_path, old, new))


def test_a_site_may_name_its_intensities_and_set_its_aptt_range(tmp_path):
    named = changed(tmp_path, "[options]", STRANGE.format(low=0.2, high=0.5) + "[options]")
    assert load_protocol(named).intensities["low intensity"].high == 0.5


@pytest.mark.parametrize(
    "key", ["antithrombin_dose.label_recovery", "antithrombin_dose.highest_per_kg",
            "antithrombin_dose.highest_predicted_ever", "switch.argatroban_highest"],
)  # fmt: skip
def test_a_fixed_number_cannot_be_set(tmp_path, key):
    section, _, name = key.partition(".")
    head = f"[rows.{section}]"
    line = f'{head}\n{name} = {{ value = 1, unit = "%", source = "ours" }}'
    with pytest.raises(TableFault, match=re.escape(f"rows.{key}: is fixed and cannot be set")):
        load_protocol(changed(tmp_path, head, line))


def test_the_fixed_numbers_are_these():
    rows = protocol().rows
    fixed = read_table(BOUNDS, Bounds).fixed
    keys = {f"{section}.{key}" for section, found in fixed.items() for key in found}
    assert {key: rows[key].value for key in keys} == {
        "antithrombin_dose.label_recovery": 1.4,
        "antithrombin_dose.highest_per_kg": 75,
        "antithrombin_product.thrombate": 1.4,
        "antithrombin_product.atenativ": 1.0,
        "antithrombin_dose.highest_predicted_ever": 150,
        "switch.argatroban_highest": 10,
    }


@pytest.mark.parametrize("chain", RISING, ids=" < ".join)
def test_lines_that_must_rise_are_lines_of_the_protocol(chain):
    values = [protocol()[key] for key in chain]
    assert values == sorted(values)


@spec(
    "old, new, lower, upper",
    (
        "heparin lines",
        "very_high_daily_dose = { value = 40000",
        "very_high_daily_dose = { value = 55000",
        "heparin.very_high_daily_dose",
        "heparin.ceiling_daily_dose",
    ),
    (
        "falls of platelets",
        "fall_some = { value = 30",
        "fall_some = { value = 60",
        "hit.fall_some",
        "hit.fall_large",
    ),
    (
        "kidney lines",
        "bivalirudin_severe_line = { value = 30",
        "bivalirudin_severe_line = { value = 60.0",
        "",
        "",
    ),
    (
        "target and highest level",
        "target = { value = 100, unit",
        "target = { value = 120, unit",
        "",
        "",
    ),
    ("days of the 4Ts", "onset_first_day = { value = 5", "onset_first_day = { value = 10", "", ""),
)
def test_a_lower_line_may_not_pass_the_next(tmp_path, old, new, lower, upper):
    path = changed(tmp_path, old, new)
    if not lower:
        load_protocol(path)  # equal lines are allowed
        return
    with pytest.raises(TableFault, match=re.escape(f"rows.{lower}: ")) as fault:
        load_protocol(path)
    assert f"is above rows.{upper}" in str(fault.value)


def test_every_fault_is_reported_at_once(tmp_path):
    path = changed(tmp_path, PAIR, "")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('dose_form = "divide"', 'dose_form = "add"'), encoding="utf-8")
    with pytest.raises(TableFault) as fault:
        load_protocol(path)
    assert "rows.levels.pair: missing" in str(fault.value)
    assert "options.dose_form" in str(fault.value)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_shipped_protocol_loads_and_states_its_sources(name):
    loaded = load_protocol(PROTOCOLS[name])
    assert loaded.name == name
    assert all(row.source.strip() for row in loaded.rows.values())
    assert loaded.reviewed < loaded.review_due


def test_every_bound_holds_its_default_and_is_a_range():
    ranges = read_table(BOUNDS, Bounds).ranges
    for section, rows in ranges.items():
        for key, bound in rows.items():
            value = protocol()[f"{section}.{key}"]
            assert bound.lowest <= value <= bound.highest, f"{section}.{key}"


@spec(
    "key, hours",
    ("minutes", "levels.clock_skew", 5 / 60),
    ("hours", "levels.pair", 2),
    ("days", "heparin.order_age", 168),
    ("weeks", "risk.pregnancy_within", 42 * 168),
    ("months", "risk.stent_within", 365 * 24),
)
def test_a_span_is_read_in_its_own_unit(key, hours):
    assert protocol().span(key) == timedelta(hours=hours)


def test_sources_are_named_once():
    cited = protocol().source("levels.aptt_low", "levels.aptt_high", "levels.pair")
    assert cited == "review R28: 60-100 s; one draw, or nearly"


# --- tables and code name the same keys -----------------------------------------------------------


def strings() -> Iterator[str]:
    """Every string in the code that reads thresholds; a formatted one with * for what is filled in.

    The table of citations is left out: it names keys only to explain them.
    """
    stages = [path for s in ("assessment", "cards") for path in (PACKAGE / s).rglob("*.py")]
    for path in sorted([*stages, PACKAGE / "ledger" / "overrides.py"]):
        if path.name != "citations.py":
            yield from _strings_of(ast.parse(path.read_text(encoding="utf-8")))


def _strings_of(tree: ast.Module) -> Iterator[str]:
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in formatted for part in node.values}
    for node in formatted:
        yield "".join(str(v.value) if isinstance(v, ast.Constant) else "*" for v in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


WRITTEN = frozenset(strings())
WORDING_TEXT = (PACKAGE / "cards" / "wording.toml").read_text(encoding="utf-8")
PRINTED = frozenset(re.findall(r"\{p\[([a-z_.]+)\]", WORDING_TEXT))
ROWS = frozenset(protocol().rows)


def named(key: str, said: Iterable[str] = WRITTEN) -> bool:
    """Whether a string is this key, or a formatted one with some words of its own becomes it."""
    return any(
        one == key or ("*" in one and OWN_WORDS.search(one) and re.fullmatch(_pattern(one), key))
        for one in said
    )


OWN_WORDS = re.compile(r"[a-z]{3}")


def _pattern(formatted: str) -> str:
    return re.escape(formatted).replace(r"\*", "[A-Za-z_.]+")


# f"{key}_from" and the like: the rows are named in two steps.
TWO_STEPS = {
    "antithrombin_dose.recheck_from": "antithrombin_dose.recheck",
    "antithrombin_dose.maintenance_low": "antithrombin_dose.maintenance_",
    "antithrombin_dose.maintenance_high": "antithrombin_dose.maintenance_",
    "antithrombin_dose.maintenance_from": "antithrombin_dose.maintenance_",
    "antithrombin_dose.maintenance_to": "antithrombin_dose.maintenance_",
}


@pytest.mark.parametrize("key", sorted(ROWS))
def test_every_threshold_is_read_by_the_code_or_printed_on_a_card(key):
    assert named(key) or key in PRINTED or TWO_STEPS.get(key, "?") in WRITTEN


def test_every_threshold_that_code_or_words_name_exists():
    looks = re.compile(rf"(?:{'|'.join(sorted({k.split('.')[0] for k in ROWS}))})\.[a-z_]+")
    wanted = {s for s in WRITTEN if looks.fullmatch(s)} | PRINTED
    two_steps = set(TWO_STEPS.values())
    assert wanted - ROWS - two_steps - _words() - _places() == set()


def _words() -> set[str]:
    """Keys of notes, summaries and labels look like thresholds."""
    wording = tables().wording
    tables_of_words = (wording.notes, wording.summaries, wording.labels, wording.reasons)
    return {key for words in tables_of_words for key in words}


def _places() -> set[str]:
    """Functions of the assessment, as the table of citations names them."""
    return set(PARTS)


def test_every_option_is_chosen_by_the_code_and_exists():
    bounds = read_table(BOUNDS, Bounds)
    assert all(named(option) for option in bounds.options)
    assert set(protocol().options) == set(bounds.options)


def test_every_rule_cites_limits_that_exist():
    assert {limit for rule in RULES.values() for limit in rule.limits} <= ROWS


def test_every_topic_has_words_and_a_state_in_every_protocol():
    for path in PROTOCOLS.values():
        assert set(read_table(path, ProtocolFile).topics) == set(TOPICS)
    summaries = tables().wording.summaries
    assert {key.partition(".")[0] for key in summaries} == set(TOPICS)


SECTIONS = ("summaries", "notes", "labels", "actions", "how", "layout", "reasons")


@pytest.mark.parametrize("section", SECTIONS)
def test_every_word_is_used(section):
    """A key stands in the code as it is, or a formatted string of the code can become it."""
    words = getattr(tables().wording, section)
    values = _enumerated() if section == "reasons" else frozenset()
    said = WRITTEN | values
    unused = {key for key in words if not (named(key, said) or _variant(section, key))}
    assert unused == set()


def _enumerated() -> frozenset[str]:
    """Reasons that are values of the chart's own enumerations."""
    return frozenset(s.value for s in QueryState) | frozenset(p.value for p in Problem) | LEFT_OPEN


def _variant(section: str, key: str) -> bool:
    """A summary is "topic.variant": each part stands in the code."""
    return section == "summaries" and all(part in WRITTEN for part in key.split("."))


def test_every_reason_and_fact_the_code_names_has_words():
    wording = tables().wording
    facts, reasons = _reasons_in_code()
    assert facts - set(wording.facts) == set()
    assert {r for r in reasons if not r.startswith("foreign.")} - set(wording.reasons) == set()


def _reasons_in_code() -> tuple[set[str], set[str]]:
    """The literal arguments of every Reason(...) and Evidence(...)."""
    facts: set[str] = set()
    reasons: set[str] = set()
    for path in sorted((PACKAGE / "assessment").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                said = [a.value if isinstance(a, ast.Constant) else None for a in node.args]
                if node.func.id == "Reason":
                    facts |= {one for one in said[:1] if isinstance(one, str)}
                    reasons |= {one for one in said[1:2] if isinstance(one, str)}
                if node.func.id == "Evidence":
                    facts |= {one for one in said[:1] if isinstance(one, str)}
    return facts, reasons


@pytest.mark.parametrize("call", ["notes", "labels"])
def test_every_note_and_label_the_code_names_has_words(call):
    """Notes and labels are "topic.words"; every such string that is no threshold is one."""
    wording = tables().wording
    known = set(getattr(wording, call))
    prefixes = {key.partition(".")[0] for key in known if "." in key}
    looks = re.compile(rf"(?:{'|'.join(sorted(prefixes))})\.[A-Za-z.]+")
    wanted = {s for s in WRITTEN if looks.fullmatch(s) and not s.endswith(".")}
    assert wanted - known - ROWS - _words() - _places() == set()
