"""A ledger of the first release: brought up with its rows, and taken down again."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import JSON, Connection, Engine, bindparam, create_engine, inspect, text

from cds_service.cli import main
from cds_service.errors import NotStored
from cds_service.ledger.calls import calls
from cds_service.ledger.database import Ledger
from cds_service.ledger.feedback import feedback
from cds_service.ledger.overrides import facts_by_topic
from cds_service.ledger.schema import HEAD, VERSIONS, metadata, revision_of
from tests.cases import advice_for
from tests.service import CASE, KEY, Service, request_of

HERE = Path(__file__).parent
PATIENT = request_of(CASE)["context"]["patientId"]
OLD_HASH = hmac.new(KEY.encode(), PATIENT.encode(), hashlib.sha256).hexdigest()
CALL = (
    "INSERT INTO call VALUES (:id, '2026-03-02 13:00:00', :client, 'Practitioner/1',"
    " 'order-select', 'i', :patient, 'default', 'abc', 'cards', 12, 0, '{}')"
)
CARD = "INSERT INTO card VALUES (:uuid, :id, 'antithrombinDose', 'warning', '[]', :facts)"
FEEDBACK = (
    "INSERT INTO feedback VALUES (:uuid, '2026-03-02 13:30:00', :client, 'heparin-order-select',"
    " :uuid, 'overridden', '2026-03-02T13:30:00Z', '[]', 'disagree', 'urn:x', '', '')"
)


@pytest.fixture
def old(database: str) -> Iterator[Engine]:
    """As the first release made it, with one overridden card of each of two clients."""
    engine = create_engine(database)
    with engine.begin() as connection:
        script = (HERE / f"first-{engine.dialect.name}.sql").read_text(encoding="utf-8")
        for statement in filter(str.strip, script.split(";\n")):
            connection.execute(text(statement))
        for number, client in enumerate(("open", "North")):
            row = {"id": f"call-{number}", "client": client, "patient": OLD_HASH}
            row |= {"uuid": f"card-{number}", "facts": facts()}
            write(connection, row)
    yield engine
    engine.dispose()


def facts() -> dict[str, float]:
    """As the card had them that is shown again."""
    return facts_by_topic(advice_for(CASE).findings)["antithrombinDose"]


def write(connection: Connection, row: dict[str, Any]) -> None:
    """A call, its card, and that it was overridden."""
    for statement in (CALL, CARD, FEEDBACK):
        given = {name: value for name, value in row.items() if f":{name}" in statement}
        typed = [bindparam("facts", type_=JSON)] if "facts" in given else []
        connection.execute(text(statement).bindparams(*typed), given)


def rows(engine: Engine, sql: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return revision_of(connection)


def brought_up(database: str) -> None:
    ledger = Ledger(database)
    try:
        ledger.create()
    finally:
        ledger.close()


def differences(engine: Engine) -> list[Any]:
    """Between the database and what the code expects, as Alembic sees it."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSIONS})
        return list(compare_metadata(context, metadata))


def test_the_newest_script_is_the_version_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", "cds_service:ledger/migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_migrated_ledger_and_a_new_one_have_the_same_tables(
    old: Engine, database: str, tmp_path: Path
) -> None:
    brought_up(database)
    new = f"sqlite:///{tmp_path}/new.sqlite"
    brought_up(new)
    fresh = create_engine(new)
    assert differences(old) == differences(fresh) == []
    assert revision(old) == revision(fresh) == HEAD
    fresh.dispose()


def test_every_row_is_there_after_it(old: Engine, database: str) -> None:
    kept = "SELECT uuid, call, topic, facts FROM card ORDER BY uuid"
    told = "SELECT * FROM feedback ORDER BY id"
    before = rows(old, kept), rows(old, told)
    brought_up(database)
    assert (rows(old, kept), rows(old, told)) == before
    assert rows(old, "SELECT id, concepts_hash, time_zone FROM call ORDER BY id") == [
        ("call-0", "", ""),
        ("call-1", "", ""),
    ]


def test_a_patient_of_two_clients_becomes_two(old: Engine, database: str) -> None:
    brought_up(database)
    one, two = rows(old, "SELECT patient FROM call ORDER BY id")
    assert one != two
    assert OLD_HASH not in (*one, *two)


def test_an_override_of_before_is_remembered_after_it(
    old: Engine, database: str, tmp_path: Path
) -> None:
    """The hash of a row that was migrated is the hash of a call that is made now."""
    service = Service(tmp_path, database_url=database)
    (card,) = service.call().json["cards"]
    then = {row.patient for row in service.rows(calls) if row.client == "open"}
    service.close()
    assert len(then) == 1
    assert card["indicator"] == "info"


def test_down_again_the_first_release_can_write(old: Engine, database: str) -> None:
    brought_up(database)
    shape = {c["name"] for c in inspect(old).get_columns("call")}
    assert {"concepts_hash", "time_zone"} <= shape
    done = CliRunner().invoke(main, ["migrate", "0001", "--database", database])
    assert done.exit_code == 0, done.output
    assert revision(old) == "0001"
    row = {"id": "call-2", "client": "open", "patient": OLD_HASH, "uuid": "card-2"}
    row["facts"] = facts()
    with old.begin() as connection:
        write(connection, row)
    assert len(rows(old, "SELECT id FROM call")) == 3
    assert len(rows(old, "SELECT uuid FROM card")) == 3, "no card went with its call"


def test_only_shown_cards_go_back_to_a_release_that_knows_no_others(
    old: Engine, database: str
) -> None:
    brought_up(database)
    assert rows(old, "SELECT DISTINCT place FROM card") == [("shown",)]
    with old.begin() as connection:
        for uuid, place in (("s", "silent"), ("n", "no room")):
            connection.execute(
                text(
                    "INSERT INTO card VALUES (:uuid, 'call-0', 'antithrombinDose', 'warning',"
                    " '[]', '{}', :place)"
                ),
                {"uuid": uuid, "place": place},
            )
    done = CliRunner().invoke(main, ["migrate", "0002", "--database", database])
    assert done.exit_code == 0, done.output
    assert revision(old) == "0002"
    assert rows(old, "SELECT uuid FROM card ORDER BY uuid") == [("card-0",), ("card-1",)]
    assert "place" not in {c["name"] for c in inspect(old).get_columns("card")}


def test_the_report_on_an_older_ledger_says_what_to_do(old: Engine, database: str) -> None:
    done = CliRunner().invoke(main, ["feedback", "--database", database])
    assert done.exit_code == 1
    assert f"the ledger is at version 0001, this command reads {HEAD}" in done.output
    assert "heparin-cds migrate" in done.output
    brought_up(database)
    done = CliRunner().invoke(main, ["feedback", "--database", database, "--json"])
    assert '"overridden": 2' in done.output


def test_down_and_up_again(old: Engine, database: str) -> None:
    for there in ("0001", HEAD, "0002", HEAD, "0001", HEAD):
        done = CliRunner().invoke(main, ["migrate", there, "--database", database])
        assert done.exit_code == 0, done.output
        assert revision(old) == there
    assert differences(old) == []
    assert len(rows(old, "SELECT id FROM feedback")) == 2


@pytest.mark.parametrize("there", ["0000", "0004", "x", "-1"])
def test_another_version_is_none(old: Engine, database: str, there: str) -> None:
    done = CliRunner().invoke(main, ["migrate", "--database", database, "--", there])
    assert done.exit_code != 0
    assert revision(old) == "0001"


def test_what_fails_half_way_leaves_the_ledger_as_it_was(
    old: Engine, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise ValueError("power cut")

    monkeypatch.setattr("cds_service.ledger.schema.of_client", broken)
    with pytest.raises(NotStored):
        brought_up(database)
    assert revision(old) == "0001"
    assert "time_zone" not in {c["name"] for c in inspect(old).get_columns("call")}
    monkeypatch.undo()
    brought_up(database)
    assert revision(old) == HEAD


def test_several_instances_may_start_at_once(old: Engine, database: str) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            brought_up(database)
        except NotStored as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert revision(old) == HEAD
    assert len(rows(old, "SELECT id FROM call")) == 2


class TestForeign:
    """What is no ledger of this release is not touched, and advice goes on without it."""

    FOREIGN = (
        "CREATE TABLE call (id INTEGER PRIMARY KEY, caller VARCHAR(20))",
        "INSERT INTO call VALUES (1, 'mother')",
    )

    def made(self, database: str, *statements: str) -> Engine:
        engine = create_engine(database)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        return engine

    def test_a_table_of_another_program_is_left_alone(self, database: str, tmp_path: Path) -> None:
        engine = self.made(database, *self.FOREIGN)
        service = Service(tmp_path, database_url=database)
        assert service.call().json["cards"]
        assert service.client.get("/readyz").status_code == 503
        service.close()
        assert inspect(engine).get_table_names() == ["call"]
        assert rows(engine, "SELECT * FROM call") == [(1, "mother")]
        engine.dispose()

    def test_a_newer_ledger_is_not_written_to(self, database: str, tmp_path: Path) -> None:
        brought_up(database)
        engine = self.made(database, f"UPDATE {VERSIONS} SET version_num = '9999'")  # noqa: S608
        service = Service(tmp_path, database_url=database)
        assert service.call().json["cards"]
        assert service.client.get("/readyz").status_code == 503
        assert service.rows(calls) == service.rows(feedback) == []
        service.close()
        engine.dispose()

    def test_tables_of_others_beside_ours_are_no_matter(
        self, database: str, tmp_path: Path
    ) -> None:
        engine = self.made(
            database,
            "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
            "INSERT INTO alembic_version VALUES ('ae1027a6acf')",
        )
        service = Service(tmp_path, database_url=database)
        assert service.client.get("/readyz").status_code == 200
        assert service.call().json["cards"]
        assert len(service.rows(calls)) == 1
        service.close()
        engine.dispose()
