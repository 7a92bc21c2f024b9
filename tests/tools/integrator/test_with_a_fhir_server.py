"""load, call and unload against a real FHIR server by another author, and the real service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.cases import cases
from tests.fhir_server import sekmet
from tests.tools.integrator.conftest import Run

pytestmark = [pytest.mark.fhir_server, pytest.mark.slow]

ONE = "01-antithrombin-dose"
ABSOLUTE = "06-pseudo-resistance"  # writes its references with the base of another server
TAKEN = "11-overdose-draft"  # its id is somebody else's in the last test
FOREIGN = {"resourceType": "Patient", "id": "somebody", "name": [{"text": "Somebody else"}]}
ON_FOREIGN = {
    "resourceType": "Observation",
    "id": "somebodys",
    "status": "final",
    "code": {"text": "x"},
    "subject": {"reference": "Patient/somebody"},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a patient of somebody else."""
    if not sekmet.PROGRAM.exists():
        pytest.skip("no .venv-fhir here; `make fhir-server` installs the FHIR server")
    with sekmet.sekmet(tmp_path_factory.mktemp("sekmet")) as started:
        sekmet.load(started, [FOREIGN, ON_FOREIGN])
        yield started


def held(base: str) -> set[str]:
    """Everything on the server of the types that a fixture holds."""
    types = {r["resourceType"] for name in (ONE, ABSOLUTE) for r in cases()[name].resources}
    return {
        f"{kind}/{entry['resource']['id']}"
        for kind in types
        for entry in sekmet.get(base, f"{kind}?_count=1000").get("entry", ())
    }


def load(run: Run, base: str, *names: str) -> None:
    chosen = [part for name in names for part in ("--case", name)]
    done = run("load", "--fhir", base, *chosen, token=sekmet.TOKEN)
    assert done.exit_code == 0, done.output


def test_loaded_patients_are_there_as_they_are_now(base: str, run: Run) -> None:
    load(run, base, ONE)

    patient = sekmet.get(base, "Patient/hr-01")
    newest = sekmet.get(base, "Observation?patient=hr-01&_sort=-date&_count=1")["entry"][0]

    assert patient["meta"]["tag"][0]["code"] == "fixture"
    assert newest["resource"]["effectiveDateTime"] > "2026-03-03"


def test_loading_again_changes_nothing_but_times(base: str, run: Run) -> None:
    load(run, base, ONE)
    before = held(base)

    load(run, base, ONE)

    assert held(base) == before


def test_a_call_shows_the_card(base: str, service_url: str, run: Run) -> None:
    load(run, base, ONE)

    shown = run(
        "call", "--fhir", base, "--patient", "hr-01", "--hook", "order-select",
        "--draft", "heparin=1800U/h", "--service", service_url, token=sekmet.TOKEN,
    )  # fmt: skip

    assert shown.exit_code == 0, shown.output
    for part in ("WARNING", "check line and", "55 %", "Antithrombin 2,571 IU",
                 "create", "coagulation"):  # fmt: skip
        assert part in shown.output
    assert "(recommended)" not in shown.output  # antithrombin is offered, not recommended
    assert sekmet.TOKEN not in shown.output


def test_either_way_of_data_gives_the_same_cards(base: str, service_url: str, run: Run) -> None:
    load(run, base, ABSOLUTE)
    call = (
        "call", "--fhir", base, "--patient", "Patient/hr-06", "--hook", "order-select",
        "--draft", "heparin=2400U/h", "--service", service_url, "--json",
    )  # fmt: skip

    by_prefetch = json.loads(run(*call, token=sekmet.TOKEN).output)
    by_server = json.loads(run(*call, "--no-prefetch", token=sekmet.TOKEN).output)

    assert by_prefetch["cards"]
    assert summaries(by_prefetch) == summaries(by_server)


def test_a_wrong_token_is_named_and_not_shown(base: str, service_url: str, run: Run) -> None:
    secret = "s3cret-wrong-token"
    for command in (
        ("load", "--fhir", base),
        ("unload", "--fhir", base),
        ("call", "--fhir", base, "--patient", "hr-01", "--hook", "patient-view",
         "--service", service_url),
    ):  # fmt: skip
        refused = run(*command, "--token", secret)
        assert refused.exit_code == 1, refused.output
        assert secret not in refused.output
        assert "401" in refused.output or "412" in refused.output


def test_unloading_leaves_nothing_of_ours_and_all_that_is_not(base: str, run: Run) -> None:
    load(run, base, ONE, ABSOLUTE)
    total = sum(len(cases()[name].resources) for name in (ONE, ABSOLUTE))

    done = run("unload", "--fhir", base, token=sekmet.TOKEN)

    assert done.exit_code == 0, done.output
    removed = [int(word) for word in done.output.split() if word.isdigit()]
    assert sum(removed) == total
    assert held(base) == {"Patient/somebody", "Observation/somebodys"}
    assert "Nothing of ours" in run("unload", "--fhir", base, token=sekmet.TOKEN).output


def test_a_patient_of_the_same_id_that_is_not_ours_stays(base: str, run: Run) -> None:
    stranger = {"resourceType": "Patient", "id": "hr-11", "name": [{"text": "Another"}]}
    sekmet.load(base, [stranger])

    names = ("--case", ONE, "--case", TAKEN)
    refused = run("load", "--fhir", base, *names, token=sekmet.TOKEN)
    run("unload", "--fhir", base, token=sekmet.TOKEN)

    assert refused.exit_code == 1
    assert "Patient/hr-11" in refused.output
    assert "nothing was written" in refused.output
    assert sekmet.get(base, "Patient/hr-11")["name"] == stranger["name"]
    assert requests.get(f"{base}/Patient/hr-01", headers=bearer(), timeout=10).status_code in (
        404,
        410,
    )


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {sekmet.TOKEN}"}


def summaries(answer: Any) -> list[str]:
    return [card["summary"] for card in answer["cards"]]
