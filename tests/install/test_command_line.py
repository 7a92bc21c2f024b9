"""Every command with right and wrong arguments: how it ends, and what it says.

Rows are (arguments, exit status, a part of what is said). Names in braces are filled in: a FHIR
server with the patients, a running service, a port where nobody listens, folders with and without
an export.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.cli import main
from cds_service.tools.replay import command as replay_command
from tests.install.hospital_server import HospitalServer
from tests.tools.integrator.serving import free_port, gunicorn, served
from tests.tools.replay.hospital import hospital, write

pytestmark = pytest.mark.slow

FHIR = "--fhir {fhir}"
CALL = f"call {FHIR} --service {{service}} --patient hr-01 --hook"
NOBODY = "127.0.0.1:{closed}"

ROWS: tuple[tuple[str, int, str], ...] = (
    # what is there to be seen
    ("-h", 0, "Exit status: 0 done"),
    ("--version", 0, "version"),
    ("explian", 2, "No such command 'explian'"),
    # explain
    ("explain", 0, "Rules\n====="),
    ("explain antithrombinDose", 0, "antithrombinDose\n------"),
    ("explain ANTITHROMBINDOSE", 0, "antithrombinDose\n------"),
    ("explain antitrombinDose", 1, "did you mean antithrombinDose"),
    ("explain qqqqqq", 1, "heparin-cds explain lists them"),
    ("explain --only cards", 0, "Cards\n====="),
    ("explain --only colours", 2, "is not one of"),
    ("explain --patient 01", 0, "antithrombinDose"),
    ("explain --patient 1", 0, "antithrombinDose"),
    ("explain --patient hr-01", 0, "antithrombinDose"),
    ("explain --patient 01-antithrombn-dose", 1, "did you mean 01-antithrombin-dose"),
    ("explain --patient 999", 1, "no patient 999"),
    ("explain --patient 01 --only cards", 2, "exclude each other"),
    ("explain --protocol none.toml", 1, "shipped: default, review-as-written"),
    ("explain --html {folder}/page.html", 0, "Written"),
    ("explain --html {folder}/none/page.html", 1, "No such file or directory"),
    # check
    ("check", 0, "Settings, tables and database are in order."),
    ("check --json", 0, '"ok": true'),
    ("check {service}", 0, "0 FAIL"),
    ("check --all {service}", 0, "ids are unique"),
    ("check --json {service}", 0, '"verdict": "pass"'),
    (f"check {NOBODY}", 1, "no answer (ConnectionError)"),
    ("check ftp://127.0.0.1", 1, "must be an http(s) URL"),
    ("check {service} --client-key none.pem", 2, "does not exist"),
    # load, unload
    (f"load {FHIR} --case 01", 0, "hr-01"),
    (f"load {FHIR} --case 01-antithrombn-dose", 1, "did you mean 01-antithrombin-dose"),
    (f"load --fhir {NOBODY}/fhir", 1, "no answer (ConnectionError)"),
    ("load", 2, "Missing option '--fhir'"),
    (f"load {FHIR} --fixtures {{empty}}", 1, "no patient in"),
    (f"unload --fhir {NOBODY}/fhir", 1, "no answer (ConnectionError)"),
    # call
    (f"{CALL} patient-view", 0, "HTTP 200; cards: 1"),
    (f"{CALL} order-select --draft heparin=1800U/h", 0, "HTTP 200; cards: 1"),
    (f"{CALL} order-select --draft heparin=1800U/h --json", 0, '"cards"'),
    (f"{CALL} order-select", 2, "--hook order-select needs --draft"),
    (f"{CALL} order-sign", 2, "--hook order-sign needs --draft"),
    (f"{CALL} order-select --draft heparin=1800", 2, "has no unit; one of: U, IU, U/h"),
    (f"{CALL} order-select --draft heprin=1800U/h", 2, "did you mean heparin"),
    (f"{CALL} encounter-start", 2, "is not one of"),
    (f"call {FHIR} --service {{service}} --patient hr-999 --hook patient-view", 1, "hr-999"),
    (f"call {FHIR} --service {NOBODY} --patient hr-01 --hook patient-view", 1, "no answer"),
    (f"call --fhir {NOBODY}/fhir --service {{service}} --patient a --hook patient-view", 1,
     "no answer"),
    # replay
    ("replay {export} --out {folder}/out --workers 1", 0, "report.html"),
    ("replay {empty} --out {folder}/o1", 1, "holds no .ndjson"),
    ("replay {rubbish} --out {folder}/o2", 1, "of 3 lines 3 were unreadable"),
    ("replay {export}", 2, "Missing option '--out'"),
    ("replay none --out {folder}/o3", 2, "does not exist"),
    (f"replay {{export}} --out {{folder}}/o4 --scheduler tcp://{NOBODY}", 1, "no Dask scheduler"),
    ("replay {export} --out {folder}/o5 --scheduler nowhere", 1, "is no address"),
    ("replay {export} --out {folder}/o6 --protocol none.toml", 1, "none.toml"),
    ("replay {export} --out {folder}/page.html/out", 1, "Not a directory"),
    ("replay {export} --out {folder}/o7 --outcomes truth", 1, "holds no truth.jsonl"),
    ("replay {export} --out {folder}/o8 --outcomes none.csv", 1, "there is no file none.csv"),
    # review
    ("review {folder}/page.html", 1, "page.html: no answers: no column case"),
    ("review none.csv", 2, "does not exist"),
    ("review", 2, "Missing argument 'FILE...'"),
    # simulate
    ("simulate {folder}/icu --stays 1", 0, "resources of 1 stays"),
    ("simulate {folder}/page.html/icu --stays 1", 1, "Not a directory"),
    ("simulate {folder}/icu --stays 0", 2, "not in the range"),
    ("simulate", 2, "Missing argument 'DIR'"),
    # terminology
    ("terminology --out {folder}/terms", 0, "resources in"),
    ("terminology --out {folder}/terms --url hospital", 2, "must be an address"),
    ("terminology --out {folder}/page.html/terms", 1, "Not a directory"),
    ("terminology", 2, "Missing option '--out'"),
    # fetch
    (f"fetch http://{NOBODY}/fhir --out {{folder}}/bulk", 1, "no answer (ConnectionError)"),
    ("fetch ftp://a.org --out {folder}/bulk2", 2, "must be an http(s) URL"),
    # export
    ("export --out {folder}/rules", 0, "resources in"),
    ("export --out {folder}/rules --protocol none.toml", 1, "none.toml"),
    ("export", 2, "Missing option '--out'"),
    # feedback
    ("feedback --database {ledger}", 0, "antithrombinDose"),
    ("feedback --database {ledger} --json", 0, '"shown"'),
    ("feedback --database sqlite:///{folder}/none.sqlite", 1, "there is no ledger at"),
    ("feedback --database sqlite:///{folder}/page.html", 1, "file is not a database"),
    ("feedback --database mysql://a/b", 1, "mysql:// is not a database this service speaks"),
    (f"feedback --database postgresql+psycopg://u@{NOBODY}/d", 1, "Connection refused"),
    # migrate
    ("migrate --database mysql://a/b", 1, "mysql:// is not a database this service speaks"),
    ("migrate --database sqlite:////nodir/x.sqlite", 1, "cannot be set up"),
    # serve, demo: what they refuse before they become gunicorn
    ("serve --port {taken}", 1, "is taken on this machine"),
    ("serve --port 70000", 2, "not in the range"),
    ("demo --port {taken}", 1, "is taken on this machine"),
)  # fmt: skip


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    folder = tmp_path_factory.mktemp("commands")
    (folder / "empty").mkdir()
    (folder / "rubbish").mkdir()
    (folder / "rubbish" / "a.ndjson").write_text("no\nJSON\nhere\n")
    (folder / "page.html").write_text("<p>" * 500)
    write(folder / "export", hospital())
    with (
        gunicorn(folder) as service,
        served(HospitalServer().app()) as fhir,
    ):
        assert CliRunner().invoke(main, ["load", "--fhir", f"{fhir}/fhir"]).exit_code == 0
        yield {
            "fhir": f"{fhir}/fhir",
            "service": service,
            "taken": service.rpartition(":")[2],
            "closed": str(free_port()),
            "folder": str(folder),
            "ledger": f"sqlite:///{folder}/ledger.sqlite",
            **{name: str(folder / name) for name in ("empty", "rubbish", "export")},
        }


@pytest.fixture(autouse=True)
def an_empty_folder_and_open_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("CDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CDS_OPEN", "1")
    monkeypatch.chdir(tmp_path)


def run(words: str) -> Result:
    return CliRunner().invoke(main, shlex.split(words))


@pytest.mark.parametrize(("words", "status", "said"), ROWS, ids=[row[0] for row in ROWS])
def test_a_command_ends_and_says(
    words: str, status: int, said: str, names: Mapping[str, str], tmp_path: Path
) -> None:
    done = run(words.format_map(names))

    assert said in done.output
    assert done.exit_code == status, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert not list(tmp_path.iterdir()), "something was created in the present folder"


def test_every_command_is_in_the_table() -> None:
    assert set(main.commands) == {words.split()[0] for words, _, _ in ROWS} & set(main.commands)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_help_is_one_whole_line_in_the_list_and_has_an_example(name: str) -> None:
    line = next(row for row in run("-h").output.splitlines() if row.startswith(f"  {name} "))
    told = run(f"{name} -h").output

    assert line.endswith(".")
    assert not line.endswith("...")
    assert f"\n    heparin-cds {name}" in told
    assert told == run(f"{name} --help").output


DATABASES = {
    "sqlite:////nodir/x.sqlite": "there is no folder /nodir",
    "postgresql+psycopg://u:s3cret@127.0.0.1:{closed}/d": "Connection refused",
    "postgresql://u@127.0.0.1/d": "postgresql:// is not a database this service speaks",
    "mysql://u:s3cret@h/d": "mysql:// is not a database this service speaks",
    "nonsense": "is no database URL",
    "<the ledger>": "still holds a placeholder",
}


@pytest.mark.parametrize("url", DATABASES)
def test_check_tells_a_database_that_cannot_be_used_in_a_line(
    url: str, names: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CDS_DATABASE_URL", url.format_map(names))
    began = time.monotonic()

    done = run("check")

    first, *faults = done.output.splitlines()
    assert done.exit_code == 1
    assert first == "Error: the service would not start:"
    assert len(faults) == 1
    assert faults[0].startswith("- CDS_DATABASE_URL")
    assert DATABASES[url] in faults[0]
    assert "s3cret" not in done.output
    assert time.monotonic() - began < 5
    assert not list(tmp_path.iterdir())


def test_check_lists_every_fault_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of clients is missing, and that hides nothing."""
    monkeypatch.delenv("CDS_OPEN")
    for name, value in {
        "CLIENTS": "none.toml",
        "LEDGER_KEY": "<32 or more random characters>",
        "PROTOCOL": "no-protocol.toml",
        "CONCEPTS": "no-concepts.toml",
        "DATABASE_URL": "sqlite:////nodir/x.sqlite",
        "COLOUR": "blue",
    }.items():
        monkeypatch.setenv(f"CDS_{name}", value)

    done = run("check")

    assert done.exit_code == 1
    for said in (
        "CDS_COLOUR is not a setting",
        "CDS_LEDGER_KEY still holds a placeholder",
        "CDS_PUBLIC_URL is needed",
        "CDS_CLIENTS: none.toml cannot be read",
        "no-protocol.toml: ",
        "no-concepts.toml: ",
        "CDS_DATABASE_URL: there is no folder /nodir",
    ):
        assert done.output.count(said) == 1, said


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    from cds_service.ledger.database_url import unreachable

    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x.sqlite").mkdir()

    told = unreachable(f"sqlite:///{tmp_path}/folder/x.sqlite")

    assert told.endswith("x.sqlite cannot be read: unable to open database file")


def test_a_replay_without_its_packages_says_how_to_get_them(
    names: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    for module in [m for m in sys.modules if m.startswith("cds_service.tools.replay.")]:
        if module != replay_command.__name__:
            monkeypatch.delitem(sys.modules, module)

    for words in (
        f"replay {names['export']} --out {names['folder']}/o7",
        f"review {names['folder']}/page.html",
    ):
        done = run(words)

        assert done.exit_code == 1
        assert "--no-deps --require-hashes" in done.output
        assert "requirements-replay.lock" in done.output


Paged = Callable[[str], None]


@pytest.mark.parametrize(("looks", "lines", "paged"), [(True, 10, True), (True, 9999, False),
                                                       (False, 10, False)])  # fmt: skip
def test_what_is_longer_than_a_person_s_window_is_shown_by_pages(
    looks: bool, lines: int, paged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cds_service.tools.explain import command

    shown: list[str] = []
    monkeypatch.setattr(command.sys.stdout, "isatty", lambda: looks, raising=False)
    monkeypatch.setattr(command.click, "echo_via_pager", shown.append)
    monkeypatch.setattr(command.shutil, "get_terminal_size", lambda: os.terminal_size((80, lines)))

    command._show("a line\n" * 100)

    assert bool(shown) is paged
