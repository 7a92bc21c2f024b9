"""Launch handles, codes and tokens: in no log, and worth something once, whoever is asked."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from cds_service.app import _first_use
from cds_service.ledger.database import Ledger
from tests.smart.app import OWN, body_of, with_smart

VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_a_whole_launch_leaves_no_secret_and_no_patient_in_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    service = with_smart(tmp_path, demo=True, log_level="debug")
    client = service.client
    app = "http://localhost/smart/"
    opened = client.get(f"/demo/launch?app={app}launch&patient=hr-01&appContext=c")
    given = query_of(opened.headers["Location"])
    asked = {
        **{"response_type": "code", "client_id": "heparin-cds", "redirect_uri": app},
        **{"scope": "launch patient/*.rs", "state": "st4te", "aud": given["iss"]},
        **{"launch": given["launch"], "code_challenge": CHALLENGE.rstrip("=")},
        "code_challenge_method": "S256",
    }
    back = query_of(client.get("/demo/authorize", query_string=asked).headers["Location"])
    form = {
        **{"grant_type": "authorization_code", "code": back["code"], "redirect_uri": app},
        **{"client_id": "heparin-cds", "code_verifier": VERIFIER},
    }
    token = client.post("/demo/token", data=form).json["access_token"]
    head = {"Authorization": f"Bearer {token}"}
    assert client.get("/demo/fhir/Patient/hr-01", headers=head).status_code == 200
    assert client.get("/smart/launch", query_string=given).status_code == 200
    assert client.get("/smart/", query_string=back).status_code == 200
    assert client.post("/smart/view", json=body_of(), headers=OWN).status_code == 200
    assert client.post("/smart/view", json=body_of(patient=7), headers=OWN).status_code == 400
    service.close()

    logged = "".join(capfd.readouterr())
    assert "refused" in logged  # something was logged at all
    for secret in (given["launch"], back["code"], token, VERIFIER, "st4te", "hr-01"):
        assert secret not in logged


def test_a_code_that_one_worker_took_is_spent_for_the_others(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    ledgers = [Ledger(url, lambda _: None) for _ in range(2)]
    ledgers[0].create()
    one, other = (_first_use(ledger, lambda: datetime.now(UTC)) for ledger in ledgers)

    assert one("code-1")
    assert not other("code-1")
    assert other("code-2")
    for ledger in ledgers:
        ledger.close()
