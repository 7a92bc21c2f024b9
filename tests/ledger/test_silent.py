"""Shadow mode: silent topics are worked out, recorded, counted and reported, and never shown.

From the line of docs/informaticians.md that makes the protocol file to the rows of the ledger.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.advice import Advice, advise
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.cards.due import CardPlace
from cds_service.cli import main
from cds_service.ledger.calls import calls, cards
from tests.cases import advice_for, answered, called, cases, tables
from tests.service import CASE, Service

REPOSITORY = Path(__file__).parents[2]
DOCS = (REPOSITORY / "docs" / "informaticians.md").read_text(encoding="utf-8")


@cache
def recipe() -> str:
    """The line that the documentation shows."""
    (line,) = re.findall(r"^sed .*> silent\.toml$", DOCS, re.MULTILINE)
    return str(line)


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """What that line makes of the shipped protocol."""
    file = tmp_path / "silent.toml"
    line = recipe().replace("> silent.toml", f"> {file}")
    subprocess.run(["sh", "-c", line], cwd=REPOSITORY, check=True)
    return file


@pytest.fixture
def quiet(silent: Path, database: str, tmp_path: Path) -> Iterator[Service]:
    """The service as a hospital goes live with it."""
    service = Service(tmp_path, rulebook=None, protocol=str(silent), database_url=database)
    yield service
    service.close()


def places(service: Service) -> Counter[tuple[str, str, str]]:
    return Counter((row.topic, row.indicator, row.place) for row in service.rows(cards))


def report_of(service: Service, *options: str) -> str:
    environ = {"COLUMNS": "200", "CDS_DATABASE_URL": service.database_url}
    result = CliRunner().invoke(main, ["feedback", *options], env=environ)
    assert result.exit_code == 0, result.output
    return result.output


class TestShadowMode:
    def test_nothing_reaches_the_ehr_and_all_that_would_have_been_shown_is_recorded(
        self, quiet: Service
    ) -> None:
        wanted: Counter[tuple[str, str, str]] = Counter()
        for name in cases():
            assert quiet.call(name).json == {"cards": []}
            shown = advice_for(name).cards
            wanted.update((card.topic, card.indicator, "silent") for card in shown)
        found = places(quiet)
        assert sum(wanted.values()) > 30
        assert {key: n for key, n in found.items() if key[2] == "silent"} == wanted
        assert "shown" not in {place for *_, place in found}
        assert {row.outcome for row in quiet.rows(calls)} == {"silent"}

    def test_a_silent_row_holds_nothing_but_its_topic_and_urgency(self, quiet: Service) -> None:
        quiet.call()
        (row,) = quiet.rows(cards)
        (call,) = quiet.rows(calls)
        assert (row.call, row.suggestions, row.facts) == (call.id, [], {})
        assert call.protocol_hash != tables().protocol.digest

    def test_it_is_counted(self, quiet: Service) -> None:
        quiet.call()
        found = quiet.client.get("/metrics").text
        assert 'heparin_cds_topics_total{how="silent",topic="antithrombinDose"} 1.0' in found
        assert "heparin_cds_cards_total{" not in found

    def test_the_report_says_what_would_have_been_shown(self, quiet: Service) -> None:
        quiet.call()
        quiet.call()
        report = json.loads(report_of(quiet, "--json"))
        total = report["antithrombinDose"]["total"]
        assert (total["shown"], total["silent"]) == (0, 2)
        table = report_of(quiet)
        assert "Would have been shown" in table
        assert re.search(r"antithrombinDose │ 2026-03 │ 0 +│ 2 ", table)

    def test_feedback_on_what_was_never_shown_is_refused(self, quiet: Service) -> None:
        quiet.call()
        (row,) = quiet.rows(cards)
        item = {"card": row.uuid, "outcome": "accepted", "outcomeTimestamp": "2026-03-02T14:00:00Z"}
        path = "/cds-services/heparin-order-select/feedback"
        assert quiet.client.post(path, json={"feedback": [item]}).status_code == 404

    def test_it_is_marked_where_the_rules_are_explained(self, silent: Path) -> None:
        def explained(*words: str) -> str:
            done = CliRunner().invoke(main, ["explain", *words, "--protocol", str(silent)])
            assert done.exit_code == 0, done.output
            return done.output

        assert "Here: silent (worked out, recorded and counted, not shown)" in explained(
            "antithrombinDose"
        )
        walked = explained("--patient", CASE)
        cards_part, _, silent_part = walked.partition("Silent by the protocol: would have been")
        assert cards_part.rstrip().endswith("none")
        assert "WARNING antithrombinDose: " in silent_part

    def test_a_call_that_fails_records_nothing_due(self, quiet: Service) -> None:
        body = {"hook": "patient-view", "hookInstance": "i", "context": {"patientId": "x"}}
        path = "/cds-services/heparin-patient-view"
        assert quiet.client.post(path, json=body).status_code == 412
        assert quiet.rows(cards) == []


def advised(name: str, setting: str, *topics: str, room: int = 3) -> Advice:
    """The advice for a fixture with these topics set so, and room for so many cards."""
    rules, case = tables(), cases()[name]
    changed = dict(rules.protocol.topics) | dict.fromkeys(topics, setting)
    shown = {"cards.shown": replace(rules.protocol.rows["cards.shown"], value=room)}
    protocol = replace(rules.protocol, topics=changed, rows={**rules.protocol.rows, **shown})
    by = replace(rules, protocol=protocol)
    return advise(called(case.request), answered(case.resources, by), by, case.now)


def due_of(advice: Advice) -> list[str]:
    return [one.topic for one in advice.due]


class TestBesideOthers:
    """One topic silent, the others on: it changes nothing of what is shown."""

    @pytest.mark.parametrize("name", sorted(cases()))
    def test_what_is_shown_is_what_would_be_shown_without_it(self, name: str) -> None:
        spoken = advised(name, "on")
        for topic in due_of(spoken):
            quiet = advised(name, "silent", topic)
            assert quiet.cards == advised(name, "off", topic).cards, topic
            assert topic not in {card.topic for card in quiet.cards}

    @pytest.mark.parametrize("name", sorted(cases()))
    def test_it_is_recorded_as_it_would_have_been_shown(self, name: str) -> None:
        spoken = advised(name, "on")
        shown = {card.topic: card.indicator for card in spoken.cards}
        for topic in due_of(spoken):
            quiet = advised(name, "silent", topic)
            (found,) = (one for one in quiet.due if one.topic == topic)
            place = CardPlace.SILENT if topic in shown else CardPlace.NO_ROOM
            assert (found.place, found.indicator) == (place, shown.get(topic, found.indicator))
            assert [card.topic for card in quiet.silent] == [topic] * (topic in shown)

    @pytest.mark.parametrize("name", sorted(cases()))
    def test_everything_due_is_reported_once(self, name: str) -> None:
        for setting in ("on", "silent"):
            found = advised(name, setting, *TOPICS)
            assert len(set(due_of(found))) == len(found.due)
            assert set(due_of(found)) == set(due_of(advised(name, "on")))

    def test_a_silent_card_takes_no_place_of_another(self) -> None:
        """Where there is room for one card, the second is shown once the first is silent."""
        moved_up = 0
        for name in cases():
            spoken = advised(name, "on", room=1)
            (first, *_) = [card.topic for card in spoken.cards] or [""]
            waiting = {one.topic for one in spoken.due if one.place is CardPlace.NO_ROOM}
            quiet = advised(name, "silent", first, room=1) if waiting else spoken
            places = {one.topic: one.place for one in quiet.due}
            if waiting and places[first] is CardPlace.SILENT:
                moved_up += bool(waiting & {card.topic for card in quiet.cards})
        assert moved_up > 2

    def test_a_card_that_another_would_tell_speaks_where_that_one_is_silent(self) -> None:
        """The dose tells of the resistance behind it; silent, it tells nobody."""
        assert [card.topic for card in advised(CASE, "on").cards] == ["antithrombinDose"]
        quiet = advised(CASE, "silent", "antithrombinDose")
        assert "heparinResistance" in {card.topic for card in quiet.cards}

    def test_the_ledger_says_which_was_shown(self, database: str, tmp_path: Path) -> None:
        rules = tables()
        topics = dict(rules.protocol.topics) | {"antithrombinDose": "silent"}
        quiet = replace(rules, protocol=replace(rules.protocol, topics=topics))
        service = Service(tmp_path, rulebook=quiet, database_url=database)
        answer = service.call()
        shown = {card["uuid"]: card["source"]["topic"]["code"] for card in answer.json["cards"]}
        rows = service.rows(cards)
        service.close()
        assert {row.uuid: row.topic for row in rows if row.place == "shown"} == shown
        assert [row.topic for row in rows if row.place == "silent"] == ["antithrombinDose"]
