"""Two hospitals, one service: nothing of the one ever reaches the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog

from cds_service import service as one_call
from cds_service.app import create_app
from cds_service.chart.facts import HookContext
from cds_service.errors import StartRefused
from cds_service.ledger.calls import calls
from cds_service.ledger.feedback import feedback
from cds_service.rulebook.load import PROTOCOLS
from cds_service.settings import Settings
from tests.hospitals import FEEDBACK, Hospitals
from tests.service import KEY

PROTOCOL = PROTOCOLS["default"].read_text(encoding="utf-8")
SITE = Path(__file__).parents[1] / "docs" / "site-concepts-mimic.toml"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Hospitals]:
    both = Hospitals(tmp_path, {"North": "", "South": ""})
    yield both
    both.service.close()
    structlog.reset_defaults()


class TestSamePatientId:
    def test_an_override_softens_the_card_at_its_own_hospital_only(self, two: Hospitals) -> None:
        (card,) = two.cards("North")
        assert two.override("North", card["uuid"]).status_code == 200
        assert [card["indicator"] for card in two.cards("North")] == ["info"]
        assert [card["indicator"] for card in two.cards("South")] == ["warning"]

    def test_the_ledger_does_not_tell_that_it_is_the_same_id(self, two: Hospitals) -> None:
        for name in ("North", "South", "North"):
            two.cards(name)
        found = [(row.client, row.patient) for row in two.service.rows(calls)]
        assert len(set(found)) == 2
        assert len({patient for _, patient in found}) == 2

    def test_a_row_that_names_the_other_patient_s_hash_softens_nothing(
        self, two: Hospitals
    ) -> None:
        """As a ledger damaged by hand would: the client is compared as well as the hash."""
        (card,) = two.cards("North")
        two.override("North", card["uuid"])
        two.cards("South")
        (south,) = {row.patient for row in two.service.rows(calls) if row.client == "South"}
        two.service.execute(f"UPDATE call SET patient = '{south}'")  # noqa: S608 - our own hash
        assert [card["indicator"] for card in two.cards("South")] == ["warning"]


class TestFeedbackOfOthers:
    def test_on_a_card_of_another_hospital_is_404_and_stores_nothing(self, two: Hospitals) -> None:
        (card,) = two.cards("North")
        answer = two.override("South", card["uuid"])
        assert answer.status_code == 404
        assert answer.json["issue"][0]["expression"] == ["feedback[0].card"]
        assert two.service.rows(feedback) == []
        assert [card["indicator"] for card in two.cards("North")] == ["warning"]

    def test_forged_and_foreign_ids_are_all_refused(self, two: Hospitals) -> None:
        (own,), (foreign,) = two.cards("South"), two.cards("North")
        suggestion = foreign["suggestions"][0]["uuid"]
        forged = {
            "a card of another hospital": [foreign["uuid"]],
            "a card that nobody was shown": [str(uuid4())],
            "a suggestion for a card": [suggestion],
            "a card of another hospital among own ones": [own["uuid"], foreign["uuid"]],
            "another hospital's card in capitals": [foreign["uuid"].upper()],
        }
        refused = {what: two.override("South", *ids).status_code for what, ids in forged.items()}
        assert set(refused.values()) == {404}, refused
        assert two.service.rows(feedback) == []

    def test_with_another_hospital_s_token_it_is_401(self, two: Hospitals) -> None:
        (card,) = two.cards("North")
        two.keys["South"], two.keys["North"] = two.keys["North"], two.keys["South"]
        assert two.override("North", card["uuid"]).status_code == 401

    def test_what_an_older_ledger_took_from_another_hospital_softens_nothing(
        self, two: Hospitals
    ) -> None:
        (card,) = two.cards("North")
        two.override("North", card["uuid"])
        two.service.execute("UPDATE feedback SET client = 'South'")
        assert [card["indicator"] for card in two.cards("North")] == ["warning"]


def test_a_token_id_used_by_one_hospital_is_free_for_the_other(two: Hospitals) -> None:
    statuses = [
        two.post(name, FEEDBACK, {"feedback": []}, jti="the same").status_code
        for name in ("North", "South", "North")
    ]
    assert statuses == [200, 200, 401]


class TestProfiles:
    """A hospital is answered by its own protocol, codes and time zone."""

    def both(self, folder: Path, profile: str) -> Hospitals:
        lower = PROTOCOL.replace('name = "default"', 'name = "south"', 1)
        (folder / "south.toml").write_text(
            lower.replace('antithrombinDose = "on"', 'antithrombinDose = "silent"')
        )
        (folder / "codes.toml").write_text(SITE.read_text(encoding="utf-8"))
        return Hospitals(folder, {"North": "", "South": profile}, rulebook=None)

    def test_two_protocols_answer_side_by_side_and_the_ledger_says_which(
        self, tmp_path: Path
    ) -> None:
        two = self.both(tmp_path, 'protocol = "south.toml"\ntime_zone = "Europe/Berlin"')
        assert [card["source"]["topic"]["code"] for card in two.cards("North")] == [
            "antithrombinDose"
        ]
        # The dose would tell of the resistance behind it; silent, it leaves that to its own card.
        assert [card["source"]["topic"]["code"] for card in two.cards("South")] == [
            "heparinResistance"
        ]
        rows = {row.client: row for row in two.service.rows(calls)}
        assert (rows["North"].protocol, rows["South"].protocol) == ("default", "south")
        assert rows["North"].protocol_hash != rows["South"].protocol_hash
        assert (rows["North"].time_zone, rows["South"].time_zone) == ("", "Europe/Berlin")
        two.service.close()

    def test_own_codes_are_asked_for_and_named_in_the_ledger(self, tmp_path: Path) -> None:
        two = self.both(tmp_path, 'concepts = "codes.toml"')
        asked = {}
        for name in ("North", "South"):
            head = two.head(name, "/cds-services")
            found = two.service.client.get("/cds-services", headers=head).json
            asked[name] = found["services"][0]["prefetch"]["coagulation"]
            two.cards(name)
        assert "mimic" in asked["South"]
        assert "mimic" not in asked["North"]
        rows = {row.client: row.concepts_hash for row in two.service.rows(calls)}
        assert rows["North"] == ""
        assert len(rows["South"]) == 16
        two.service.close()

    @pytest.mark.parametrize(
        ("profile", "told"),
        [
            ('protocol = "none.toml"', "client South: none.toml"),
            ('concepts = "none.toml"', "client South: none.toml"),
            ('time_zone = "Europe/Atlantis"', "time_zone: must be a time zone"),
            ('protocol = "review-as-written"', "CDS_ACKNOWLEDGE_REVIEW"),
        ],
    )
    def test_a_fault_in_a_profile_refuses_the_start(
        self, tmp_path: Path, profile: str, told: str
    ) -> None:
        with pytest.raises(StartRefused) as refusal:
            self.both(tmp_path, profile)
        assert any(told in fault for fault in refusal.value.faults)

    def test_every_fault_of_every_profile_is_listed(self, tmp_path: Path) -> None:
        wrong = 'protocol = "none.toml"'
        with pytest.raises(StartRefused) as refusal:
            Hospitals(tmp_path, {"North": wrong, "South": wrong}, rulebook=None)
        assert [fault.split(":")[0] for fault in refusal.value.faults] == [
            "client North",
            "client South",
        ]

    @pytest.mark.parametrize("name", [" North", "No\trth", "x" * 201, ""])
    def test_a_name_that_could_be_taken_for_another_is_refused(
        self, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / "k.json").write_text("{}")
        (tmp_path / "clients.toml").write_text(
            f'[[client]]\nname = "{name}"\nissuer = "i"\njwks_file = "k.json"\n'
        )
        settings = Settings(
            clients=tmp_path / "clients.toml",
            public_url="https://cds.example.org",
            ledger_key=KEY,
            database_url=f"sqlite:///{tmp_path}/l.sqlite",
        )
        with pytest.raises(StartRefused):
            create_app(settings)

    def test_each_chart_is_read_in_the_hospital_s_own_time_zone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        two = self.both(tmp_path, 'time_zone = "America/New_York"')
        read: list[str] = []

        def advise(asked: HookContext, *given: Any) -> Any:
            read.append(str(asked.zone))
            return spine(asked, *given)

        spine = one_call.advise
        monkeypatch.setattr(one_call, "advise", advise)
        for name in ("South", "North"):
            two.cards(name)
        assert read == ["America/New_York", "None"]
        two.service.close()
