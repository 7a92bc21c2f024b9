"""The same patient under both shipped protocols, and what neither of them ever does."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.advice import Rulebook
from cds_service.app import create_app
from cds_service.errors import StartRefused
from cds_service.logs import set_up_logs
from cds_service.rulebook.load import PROTOCOLS as FILES
from cds_service.rulebook.load import load_protocol, load_rulebook, warn_when_review_is_due
from cds_service.settings import Settings
from cds_service.tools.explain.patient import explain_patient
from tests.cases import advice_for, cases, tables
from tests.oracle import grid
from tests.oracle.cell import Cell
from tests.two_protocols_page import FIXTURE, PAGE, side_by_side, written
from tests.vignettes import (
    PROTOCOLS,
    ask,
    patient,
    recommended,
    starts,
    text,
    topics,
    units_in_text,
)

REVIEW = "review-as-written"
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
NOTE = "review formula, not the label"
LABEL_RECOVERY, HIGHEST_PER_KG = 1.4, 75
HIGHEST = {"default": 120, REVIEW: 150}

ROWS_AS_WRITTEN = {
    "heparin.high_daily_dose": 35000,
    "heparin.ceiling_critical_rate": 20,
    "heparin.ceiling_stays_rate": 20,
    "antithrombin_dose.recheck_to": 4,
    "antithrombin_dose.recovery": 1.4,
    "antithrombin_dose.target": 100,
    "antithrombin_dose.highest_predicted": 150,
    "antithrombin_dose.maintenance_low": 50,
    "antithrombin_dose.maintenance_high": 100,
    "antithrombin_dose.maintenance_from": 12,
    "antithrombin_dose.maintenance_to": 24,
    "switch.argatroban_start": 2,
    "switch.argatroban_hepatic": 0.5,
    "switch.bivalirudin_normal": 0.15,
}


@dataclass(frozen=True)
class Answer:
    """What one protocol says: its main card, what it offers, what it marks as recommended."""

    topic: str
    offers: dict[str, float] = field(default_factory=dict)
    recommends: tuple[str, ...] = ()
    says: tuple[str, ...] = ()


NOTHING = Answer("")
BIVALIRUDIN = {"bivalirudin": 0.15}
BOTH_DRUGS = BIVALIRUDIN | {"argatroban": 0.5}

TABLE: dict[str, tuple[dict[str, Any], Answer, Answer]] = {
    "low antithrombin: the label's dose, or 1.96 times as much with the label's beside it": (
        {"antithrombin": 55},
        Answer("antithrombinDose", {"antithrombin": 2571}, (), ("80 kg / 1.4",)),
        Answer(
            "antithrombinDose",
            {"antithrombin": 5040},
            ("antithrombin",),
            ("80 kg x 1.4 = 5,040 IU", "143 %", "The label divides: 2,571 IU"),
        ),
    ),
    "forty per cent in sepsis: a switch, or a dose that is withheld beyond 150 %": (
        {"antithrombin": 40, "sepsis": True},
        Answer("anticoagulantSwitch", BOTH_DRUGS | {"antithrombin": 3429}),
        Answer("antithrombinDose", {}, (), ("158 %", "The label divides: 3,429 IU")),
    ),
    "below forty in sepsis both switch": (
        {"antithrombin": 39, "sepsis": True},
        Answer("anticoagulantSwitch", BOTH_DRUGS | {"antithrombin": 3486}, ("bivalirudin",)),
        Answer("anticoagulantSwitch", BIVALIRUDIN, ("bivalirudin",)),
    ),
    "forty per cent without sepsis": (
        {"antithrombin": 40},
        Answer("anticoagulantSwitch", BOTH_DRUGS | {"antithrombin": 3429}, ("bivalirudin",)),
        Answer("anticoagulantSwitch", BIVALIRUDIN, ("bivalirudin",)),
    ),
    "exactly fifty in sepsis is supplemented by both, marked by neither": (
        {"antithrombin": 50, "sepsis": True},
        Answer("antithrombinDose", {"antithrombin": 2857}),
        Answer("antithrombinDose", {"antithrombin": 5600}, (), ("148 %", "2,857 IU")),
    ),
    "kidneys impaired": (
        {"antithrombin": 45, "renal": "impaired"},
        Answer(
            "anticoagulantSwitch",
            {"argatroban": 0.5, "bivalirudin": 0.08, "antithrombin": 3143},
            ("argatroban",),
        ),
        Answer(
            "anticoagulantSwitch",
            {"argatroban": 2},
            ("argatroban",),
            ("at which the critically ill bled",),
        ),
    ),
    "liver impaired": (
        {"antithrombin": 45, "hepatic": "impaired"},
        Answer(
            "anticoagulantSwitch",
            {"argatroban": 0.2, "bivalirudin": 0.15, "antithrombin": 3143},
            ("bivalirudin",),
        ),
        Answer("anticoagulantSwitch", {"argatroban": 0.5}, ("argatroban",)),
    ),
    "both impaired": (
        {"antithrombin": 45, "renal": "impaired", "hepatic": "impaired"},
        Answer("anticoagulantSwitch"),
        Answer("anticoagulantSwitch", {"argatroban": 0.5}, ("argatroban",)),
    ),
    "liver impaired, kidneys unknown: no drug by either": (
        {"antithrombin": 45, "renal": "unknown", "hepatic": "impaired"},
        Answer("anticoagulantSwitch"),
        Answer("anticoagulantSwitch"),
    ),
    "kidneys impaired, liver unknown: no drug by either": (
        {"antithrombin": 45, "renal": "impaired", "hepatic": "unknown"},
        Answer("anticoagulantSwitch"),
        Answer("anticoagulantSwitch"),
    ),
    "35,040 U/day in 120 kg is 12 U/kg/h: high by the absolute line only": (
        {"rate": 1460, "weight": 120},
        NOTHING,
        Answer("antithrombinDose", {"antithrombin": 7560}, ("antithrombin",), ("pharmacist",)),
    ),
    "25 U/kg/h in 50 kg is 30,000 U/day: high by weight only": (
        {"rate": 1250, "weight": 50},
        Answer("antithrombinDose", {"antithrombin": 1607}),
        NOTHING,
    ),
    "masked at an ordinary dose": (
        {"rate": 1000, "anti_xa": 0.2, "aptt": 70, "antithrombin": 60},
        Answer("assayDiscordance"),
        Answer("antithrombinDose", {"antithrombin": 4480}, ("antithrombin",), ("2,286 IU",)),
    ),
    "41,040 U/day on target in 120 kg: an absolute line opens tests": (
        {"rate": 1710, "weight": 120, "anti_xa": 0.4, "aptt": 70, "antithrombin": None},
        NOTHING,
        Answer("heparinResistance"),
    ),
    "HIT comes first in both": (
        {"antithrombin": 55, "hit": True},
        Answer("hitSuspected", BOTH_DRUGS, ("argatroban",)),
        Answer("hitSuspected", BIVALIRUDIN, ("bivalirudin",)),
    ),
    "bleeding withholds in both, the label's figure too": (
        {"antithrombin": 55, "bleeding": "major"},
        Answer("bleedingOnHeparin"),
        Answer("bleedingOnHeparin"),
    ),
    "without a weight no dose in either": (
        {"antithrombin": 55, "weight": None},
        Answer("heparinResistance"),
        Answer("antithrombinDose"),
    ),
}
ASKED = [
    pytest.param(changes, protocol, answer, id=f"{name} ({protocol})")
    for name, (changes, *both) in TABLE.items()
    for protocol, answer in zip(PROTOCOLS, both, strict=True)
]


@pytest.mark.parametrize(("changes", "protocol", "expected"), ASKED)
def test_each_protocol_answers_as_it_is_written(
    changes: dict[str, Any], protocol: str, expected: Answer
) -> None:
    advice = ask(patient(**changes), protocol)

    shown = [topic for topic in topics(advice) if topic != "monitoringDue"]
    assert shown[:1] == ([expected.topic] if expected.topic else [])
    assert starts(advice) == expected.offers
    assert recommended(advice) == expected.recommends
    assert [phrase for phrase in expected.says if phrase not in text(advice)] == []


@pytest.mark.parametrize("changes", [{"bleeding": "major"}, {"hit": True}, {"weight": None}])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_closed_gate_leaves_no_figure_in_iu(changes: dict[str, Any], protocol: str) -> None:
    assert units_in_text(ask(patient(**changes), protocol)) == set()


def test_maintenance_is_the_labels_or_the_reviews() -> None:
    assert "then 60 % of it every 24 h" in text(ask(patient()))
    assert "then 50-100 % of it every 12-24 h" in text(ask(patient(), REVIEW))


def test_the_review_does_not_multiply_by_a_measured_recovery() -> None:
    """Recovery 2 means half the dose; as a factor it would double it."""
    name = "30-refractory-after-antithrombin"
    advice = advice_for(name, REVIEW)
    assert advice.findings.measured.antithrombin.last_dose is not None

    assert "was measured after the last dose" not in text(advice)


@pytest.mark.parametrize("name", sorted(cases()))
def test_every_card_of_the_review_says_that_it_is_not_the_label(name: str) -> None:
    cards = advice_for(name, REVIEW).cards
    assert all(str(card.source["label"]).endswith(f"(review-as-written): {NOTE}") for card in cards)


def test_a_card_of_the_default_does_not() -> None:
    assert all(NOTE not in str(card.source["label"]) for card in ask(patient()).cards)


def test_only_the_listed_rows_differ() -> None:
    """A row added to one file must be added to the other."""
    default, review = (tomllib.loads(FILES[name].read_text(encoding="utf-8")) for name in PROTOCOLS)
    assert default.keys() | {"source_note"} == review.keys()
    assert default["topics"] == review["topics"]
    assert default["rows"].keys() == review["rows"].keys()
    for section, rows in default["rows"].items():
        assert rows.keys() == review["rows"][section].keys()
    differing = {
        f"{section}.{key}": review["rows"][section][key]["value"]
        for section, rows in default["rows"].items()
        for key, row in rows.items()
        if row != review["rows"][section][key]
    }
    assert differing == ROWS_AS_WRITTEN


def test_every_option_of_the_review_is_set_its_own_way() -> None:
    default, review = (tables(name).protocol.options for name in PROTOCOLS)
    assert {key for key in default if default[key] == review[key]} == SITES_OWN


# What a site says of itself, whatever the protocol.
SITES_OWN = {"aptt_range", "anti_xa_measured", "administrations_kept", "antithrombin_product"}


def low(cell: Cell) -> bool:
    """A low antithrombin: where doses and switches are."""
    return cell.antithrombin is not None and cell.antithrombin < 70


def confirmed(cell: Cell) -> bool:
    """Low besides on a rate that is high for the weight: the default offers only there."""
    below = cell.anti_xa is not None and cell.anti_xa < 0.25
    steep = cell.weight is not None and cell.rate >= 20 * cell.weight
    return low(cell) and below and steep


def sample(number: int, where: Callable[[Cell], bool] = low) -> list[Cell]:
    """Cells of the grid, the same each time; bedside.py makes the raise and the earlier level."""
    return grid.sample(number, seed=20, where=lambda cell: plain(cell) and where(cell))


def plain(cell: Cell) -> bool:
    """One trusted level, the usual target, and no draft but heparin's at a likely rate."""
    return (
        (cell.history, cell.trust, cell.target) == ("one", "good", "default")
        and cell.bleeding in ("no", "major")
        and cell.draft in ("", "same", "raise")
    )


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_dose_is_ever_predicted_to_pass_the_line(protocol: str) -> None:
    given = 0
    for cell in sample(700, confirmed):
        units = starts(ask(cell, protocol)).get("antithrombin")
        if units is None:
            continue
        given += 1
        assert cell.weight is not None, cell
        assert cell.antithrombin is not None, cell
        assert cell.antithrombin + units * LABEL_RECOVERY / cell.weight <= HIGHEST[protocol], cell
        assert units / cell.weight <= HIGHEST_PER_KG, cell
        assert not cell.hit, cell
        assert cell.bleeding == "no", cell
    assert given > 10


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_gate_ever_lets_a_start_through(protocol: str) -> None:
    for cell in sample(700):
        advice = ask(cell, protocol)
        offered = starts(advice)
        if cell.bleeding == "major":
            assert offered == {}, cell
        if cell.hit:
            assert "antithrombin" not in offered, cell
        assert "raise heparin" not in text(advice).lower(), cell


# Starting with the second protocol.

CLOSED = {
    "CDS_CLIENTS": "clients.toml",
    "CDS_PUBLIC_URL": "https://cds.example.org",
    "CDS_LEDGER_KEY": "0123456789abcdef0123456789abcdef",
    "CDS_PROTOCOL": REVIEW,
}


def loaded(settings: Settings) -> Rulebook:
    return load_rulebook(settings.protocol, settings.concepts, settings.review_acknowledged)


def test_it_does_not_start_without_being_acknowledged() -> None:
    with pytest.raises(StartRefused, match="CDS_ACKNOWLEDGE_REVIEW=1"):
        loaded(Settings.from_environ(CLOSED))


def test_it_starts_when_acknowledged() -> None:
    acknowledged = Settings.from_environ(CLOSED | {"CDS_ACKNOWLEDGE_REVIEW": "1"})
    assert loaded(acknowledged).protocol.name == REVIEW


def test_it_starts_in_open_mode() -> None:
    opened = Settings.from_environ({"CDS_OPEN": "1", "CDS_PROTOCOL": REVIEW})
    assert loaded(opened).protocol.name == REVIEW


def test_a_copy_under_another_name_needs_the_same(tmp_path: Path) -> None:
    copy = tmp_path / "ours.toml"
    text = FILES[REVIEW].read_text(encoding="utf-8")
    copy.write_text(text.replace('name = "review-as-written"', 'name = "ours"'), encoding="utf-8")
    with pytest.raises(StartRefused, match="ours doses antithrombin"):
        loaded(Settings.from_environ(CLOSED | {"CDS_PROTOCOL": str(copy)}))


def test_the_default_needs_no_acknowledgement() -> None:
    plain = Settings.from_environ(CLOSED | {"CDS_PROTOCOL": "default"})
    assert loaded(plain).protocol.name == "default"


@pytest.mark.parametrize(("days", "due"), [(-1, False), (0, False), (1, True)])
def test_a_passed_review_date_is_named_at_start(
    days: int, due: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("info")
    protocol = load_protocol(FILES["default"])
    today: date = protocol.review_due + timedelta(days=days)

    assert warn_when_review_is_due(protocol, today) is due

    assert ("protocol review due" in capfd.readouterr().err) is due


def test_the_service_looks_at_the_review_date_when_it_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    after = load_protocol(FILES["default"]).review_due + timedelta(days=1)
    noon = datetime.combine(after, time(12), UTC)
    settings = Settings.from_environ(
        {"CDS_OPEN": "1", "CDS_DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.sqlite'}"}
    )

    create_app(settings, clock=lambda: noon)

    assert '"event": "protocol review due"' in capfd.readouterr().err


def test_the_page_of_both_protocols_is_what_the_service_says() -> None:
    """If this fails: `make golden`, and read the diff."""
    assert PAGE.read_text(encoding="utf-8") == written()


def test_the_readme_tells_both_answers_as_the_service_gives_them() -> None:
    """Its table is the first lines of the page's, its doses are those of the same patient."""
    section = README.split("## How it decides")[1].split("\n## ")[0]
    table = section.split("\n\n| | `default`")[1].split("\n\n")[0]

    assert side_by_side().startswith(f"| | `default`{table}\n")
    assert f"Antithrombin {starts(advice_for(FIXTURE))['antithrombin']:,.0f} IU" in table
    label, multiplied = explain_patient(cases()[FIXTURE], tables()).doses
    said = " ".join(section.split())
    assert f"the dose is {label.units:,} IU (predicted {label.predicted:.0f} %)" in said
    assert f"multiplied {multiplied.units:,} IU (predicted {multiplied.predicted:.0f} %)" in said
    assert starts(advice_for(FIXTURE, REVIEW)) == {}
    assert f"{label.units:,} IU" in text(advice_for(FIXTURE, REVIEW))
