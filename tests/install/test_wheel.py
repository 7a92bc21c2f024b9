"""What the wheel can do, installed outside of the repository."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from cds_service.demo.fixtures import load_cases
from tests.cases import FIXTURES
from tests.install.installed import CONTAINERFILE, NEEDS_ROOT, Installed, install, steps
from tests.running import until
from tests.tokens import ISSUER, claims, key_set, sign
from tests.tools.integrator.fake_fhir import FakeFhir
from tests.tools.integrator.serving import served
from tests.tools.replay.hospital import hospital, write

pytestmark = pytest.mark.slow

SECRET = "k" * 64


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def demo(installed: Installed) -> Iterator[str]:
    with installed.serving("demo") as url:
        yield url


def call_of(url: str, fixture: str = "hr-01") -> requests.Response:
    """A hook about a patient of the demonstration EHR."""
    body = {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/1", "patientId": fixture},
        "fhirServer": f"{url}/demo/fhir",
    }
    return requests.post(f"{url}/cds-services/heparin-patient-view", json=body, timeout=20)


def listening(url: str) -> bool:
    try:
        return requests.get(url, timeout=20).ok
    except requests.ConnectionError:
        return False


class TestServing:
    def test_the_demo_answers_its_page_and_a_hook(self, demo: str) -> None:
        page = requests.get(demo, timeout=20)
        answered = call_of(demo)

        assert page.text.count('class="patient-name"') == len(load_cases(FIXTURES))
        assert answered.status_code == 200
        assert answered.json()["cards"]

    def test_the_demo_names_a_free_port_and_leaves_nothing(
        self, installed: Installed, tmp_path: Path
    ) -> None:
        with subprocess.Popen(
            [installed.bin / "heparin-cds", "demo"],
            cwd=installed.empty,
            env=installed.environ(TMPDIR=str(tmp_path)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            url = next(line for line in process.stdout if "http" in line).split()[-1]
            until(lambda: listening(url), "the demo listens")
            process.terminate()

        assert url.startswith("http://127.0.0.1:50")
        assert not list(tmp_path.iterdir())
        assert not list(installed.empty.iterdir())

    def test_what_lies_in_the_present_folder_is_not_taken_for_ours(
        self, installed: Installed
    ) -> None:
        stranger = installed.empty / "gunicorn.py"
        stranger.write_text("raise SystemExit('a stranger')")
        try:
            with installed.serving("serve", CDS_OPEN="1", CDS_DATABASE_URL="sqlite://") as url:
                assert requests.get(f"{url}/cds-services", timeout=20).ok
        finally:
            stranger.unlink()

    def test_a_secured_service_lets_in_whom_its_file_names(
        self, installed: Installed, tmp_path: Path
    ) -> None:
        (tmp_path / "keys.json").write_text(json.dumps(key_set()))
        clients = tmp_path / "clients.toml"
        clients.write_text(
            f'[[client]]\nname = "One"\nissuer = "{ISSUER}"\njwks_file = "keys.json"\n'
        )
        public = "http://127.0.0.1:9"
        options = ("--clients", str(clients), "--public-url", public)
        database = f"sqlite:///{tmp_path}/ledger.sqlite"
        with installed.serving(
            "serve", *options, CDS_LEDGER_KEY=SECRET, CDS_DATABASE_URL=database
        ) as url:
            discovery = f"{url}/cds-services"
            token = sign(claims(datetime.now(UTC), f"{public}/cds-services"), headers={"jku": None})
            refused = requests.get(discovery, timeout=20)
            let_in = requests.get(
                discovery, headers={"Authorization": f"Bearer {token}"}, timeout=20
            )

        assert refused.status_code == 401
        assert let_in.status_code == 200
        assert len(let_in.json()["services"]) == 3

    def test_a_refusal_lists_everything_in_words(self, installed: Installed) -> None:
        done = installed.run(
            "serve", "--clients", "none.toml", "--protocol", "none", "--port", 59999
        )

        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        for said in ("CDS_PUBLIC_URL is needed", "CDS_LEDGER_KEY", "none.toml cannot", "none:"):
            assert said in done.stderr

    def test_a_port_that_is_taken_is_named_in_a_line(self, installed: Installed) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = installed.run("demo", "--port", port)

        assert done.returncode == 1
        assert done.stderr == (
            f"Error: port {port} is taken on this machine; --port or PORT names another one\n"
        )


class TestCommands:
    def test_a_patient_is_walked(self, installed: Installed) -> None:
        done = installed.run("explain", "--patient", "01")

        assert done.returncode == 0
        assert "antithrombinDose" in done.stdout

    def test_settings_are_checked_and_nothing_is_created(self, installed: Installed) -> None:
        done = installed.run("check", CDS_OPEN="1")

        assert (done.returncode, done.stderr) == (0, "")
        assert not list(installed.empty.iterdir())

    def test_a_running_service_is_checked(self, installed: Installed, demo: str) -> None:
        done = installed.run("check", demo)

        assert done.returncode == 0, done.stdout
        assert "0 FAIL" in done.stdout

    def test_a_hook_is_called(self, installed: Installed, demo: str) -> None:
        about = ("--fhir", f"{demo}/demo/fhir", "--service", demo, "--hook", "order-select")
        done = installed.run("call", *about, "--patient", "hr-01", "--draft", "heparin=1800U/h")

        assert done.returncode == 0, done.stderr
        assert "HTTP 200" in done.stdout

    def test_patients_are_loaded_and_removed(self, installed: Installed) -> None:
        fake = FakeFhir()
        with served(fake.app()) as url:
            loaded = installed.run("load", "--fhir", f"{url}/fhir", "--case", "01")
            held = set(fake.held)
            unloaded = installed.run("unload", "--fhir", f"{url}/fhir")

        assert (loaded.returncode, unloaded.returncode) == (0, 0)
        assert "Patient/hr-01" in held
        assert not fake.held

    def test_a_replay_says_what_it_needs_and_runs_with_it(
        self, installed: Installed, tmp_path: Path
    ) -> None:
        export, out = write(tmp_path / "in", hospital()), tmp_path / "out"
        lacking = installed.run("replay", export, "--out", out)
        assert lacking.returncode == 1
        said = re.search(r"is not installed: (.+)", lacking.stderr)
        assert said, lacking.stderr

        subprocess.run(
            shlex.split(said[1]), cwd=installed.empty, env=installed.environ(), check=True
        )
        done = installed.run("replay", export, "--out", out, "--workers", 1)

        assert done.returncode == 0, done.stderr
        assert (out / "report.html").is_file()


class TestContainer:
    """Read as text where root is needed: these lines are not run here."""

    def test_only_these_lines_were_not_run(self) -> None:
        assert [step for step in steps("RUN") if NEEDS_ROOT.search(step)] == [
            "install -d -o nobody -g nogroup -m 0700 /var/lib/heparin-cds"
        ]

    def test_it_runs_as_nobody_in_the_folder_of_the_ledger(self) -> None:
        last = CONTAINERFILE.rpartition("\nFROM ")[2]

        assert re.findall(r"^USER (.+)$", CONTAINERFILE, re.MULTILINE) == ["nobody:nogroup"]
        assert last.index("USER nobody") < last.index("CMD [")
        assert "CDS_DATABASE_URL=sqlite:////var/lib/heparin-cds/" in last

    def test_its_one_health_check_sees_a_service(self, installed: Installed, demo: str) -> None:
        (check,) = re.findall(r"^HEALTHCHECK CMD (\[.+\])$", CONTAINERFILE, re.MULTILINE)
        python, *words = json.loads(check.replace("http://127.0.0.1:5000", demo))
        closed = json.loads(check.replace("127.0.0.1:5000", "127.0.0.1:1"))[1:]

        assert subprocess.run([installed.bin / python, *words], check=False).returncode == 0
        assert subprocess.run(
            [installed.bin / python, *closed], check=False, stderr=subprocess.DEVNULL
        ).returncode  # fmt: skip

    def test_its_command_is_one_of_the_wheel(self, installed: Installed) -> None:
        ((program, command, *options),) = map(json.loads, steps("CMD"))
        told = installed.run(command, "--help")

        assert program == "heparin-cds"
        assert told.returncode == 0
        assert all(o in told.stdout for o in options if o.startswith("--"))


def test_the_wheel_is_what_runs(installed: Installed) -> None:
    code = "import cds_service; print(cds_service.__file__)"
    done = subprocess.run(
        [installed.bin / "python", "-c", code],
        cwd=installed.empty, env=installed.environ(), capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.startswith(str(installed.root))


def test_the_same_files_are_found_in_wheel_and_checkout(installed: Installed) -> None:
    """By the one function that says where they are."""
    names = ("fhir_fixtures", "gunicorn.conf.py", "docs", "requirements.lock",
             "requirements-replay.lock")  # fmt: skip
    code = (
        "from cds_service.tools.shipped_files import shipped; "
        f"[print(shipped(n)) for n in {names!r}]"
    )
    done = subprocess.run(
        [installed.bin / "python", "-c", code],
        cwd=installed.empty, env=installed.environ(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = [Path(line) for line in done.stdout.splitlines()]

    assert [path.name for path in found] == list(names)
    assert all(path.exists() and path.is_relative_to(installed.root) for path in found)
