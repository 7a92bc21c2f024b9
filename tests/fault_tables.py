"""What the service answers when its data fail, asked of the running service, as tables.

`python -m tests.fault_tables` writes docs/when-data-fail.md; tests/test_faults.py holds it there.
Every cell is an answer over HTTP to a call whose FHIR server is a real socket that misbehaves.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from flask.testing import FlaskClient

from cds_service.app import create_app
from cds_service.settings import Settings
from tests.calls import HOOKS, Json, request
from tests.cases import answered, cases, searches, tables
from tests.databases import new_database
from tests.faulty_server import Behaviour, answering, faulty, hanging

CASE = "01-antithrombin-dose"
DOCUMENT = Path(__file__).parents[1] / "docs" / "when-data-fail.md"
COMMAND = "python -m tests.fault_tables"
PATIENT = cases()[CASE].patient["id"]
QUERIES = tuple(search.key for search in searches(tables()))
PATIENCE = 20.0  # seconds: the tests share a busy machine
HASTE = 0.4  # towards a server that never answers

Answers = Mapping[str, Any]  # by query: what a healthy server would say


def healthy(name: str = CASE) -> dict[str, Json]:
    """A whole and right answer to every query about a patient."""
    found = answered(cases()[name].resources, tables())
    answers: dict[str, Json] = {}
    for search in searches(tables()):
        resources = [dict(r) for r in found[search.key].resources]
        entries = [{"resource": r} for r in resources]
        searchset = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        answers[search.key] = searchset if "?" in search.template else resources[0]
    return answers


def serving(answers: Answers, name: str = CASE) -> Behaviour:
    """Answers each query as told: bytes as they are, a Behaviour's own way, the rest as JSON."""
    patient = cases()[name].patient["id"]
    paths = {f"/fhir/{unquote(s.url(patient))}": s.key for s in searches(tables())}

    def behave(line: socket.socket, head: bytes) -> None:
        key = paths.get(unquote(head.split(b" ")[1].decode()), "")
        answer = answers.get(key, status(404))
        if not callable(answer):
            answer = answering(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        answer(line, head)

    return behave


def status(code: int, body: bytes = b"") -> Behaviour:
    """An HTTP status."""
    text = f"HTTP/1.1 {code} Status\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return lambda line, _: line.sendall(text + body)


def cut_off(line: socket.socket, _: bytes) -> None:
    """Breaks off within the body."""
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n")
    line.sendall(b'Content-Length: 9000\r\n\r\n{"resourceType": "Bundle", "entry": [')
    line.shutdown(socket.SHUT_RDWR)


HTML = b"<html><body><h1>Sign in</h1></body></html>"
HALF = json.dumps(healthy()["administrations"]).encode()[:2000]
EMPTY = b'{"resourceType": "Bundle", "type": "searchset", "total": 0}'
OUTCOME = b'{"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}'

FAULTS: Mapping[str, Behaviour | None] = {
    "is down": None,
    "answers 401": status(401),
    "answers 500": status(500, HTML),
    "answers a page of HTML": answering(HTML, "text/html"),
    "answers HTML and calls it FHIR": answering(HTML),
    "answers half a Bundle": answering(HALF),
    "breaks off within a Bundle": cut_off,
    "answers an OperationOutcome": answering(OUTCOME),
    "never answers": hanging,
    "finds nothing, for every query": answering(EMPTY),
}
CALLS: Mapping[str, Json] = {
    "patient-view": request(CASE, "patient-view"),
    "order-select, heparin": request(CASE, "order-select"),
    "order-sign, heparin": request(CASE, "order-sign"),
    "order-select, ibuprofen": request(CASE, "order-select", "ibuprofen"),
    "order-sign, ibuprofen": request(CASE, "order-sign", "ibuprofen"),
}


@contextmanager
def server(behave: Behaviour | None) -> Iterator[str]:
    """The base of a server that behaves so; without behaviour nobody listens there."""
    if behave is None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        yield f"http://127.0.0.1:{port}/fhir"
        return
    with faulty(behave) as started:
        yield started.base


@contextmanager
def service(folder: Path, seconds: float = PATIENCE) -> Iterator[FlaskClient]:
    """The service at the present of the fixtures; so long it waits for a FHIR server."""
    given = {
        "CDS_OPEN": "1",
        "CDS_LOG_LEVEL": "error",
        "CDS_DATABASE_URL": new_database(folder),
        "CDS_FHIR_DEADLINE_SECONDS": str(seconds),
    }
    now = cases()[CASE].now
    app = create_app(Settings.from_environ(given), rulebook=tables(), clock=lambda: now)
    yield app.test_client()
    app.extensions["ledger"].close()


def ask(client: FlaskClient, body: Json, base: str) -> Any:
    """One call about a patient whose data that server holds."""
    return client.post(f"/cds-services/heparin-{body['hook']}", json=body | {"fhirServer": base})


def told(response: Any) -> str:
    """An answer in a few words."""
    if response.status_code != 200:
        return str(response.status_code)
    cards = [f"{c['source']['topic']['code']} ({c['indicator']})" for c in response.json["cards"]]
    return "200, " + (", ".join(cards) or "no card")


# What a card says of what it does not know, and of what speaks against a drug.
OPEN = re.compile(r"(?:Not known|These speak against a drug now): (.*?)\.(?=\s|$)", re.MULTILINE)


def open_facts(response: Any) -> str:
    """What the cards of an answer name as not known."""
    if response.status_code != 200:
        return response.json["issue"][0]["diagnostics"].rstrip(".")
    said = []
    for card in response.json["cards"]:
        lines = OPEN.findall(card["detail"])
        said += [fact for line in lines for fact in line.split("; ")]
    return "; ".join(dict.fromkeys(said)) or "-"


def whole_server(client: FlaskClient, hasty: FlaskClient) -> Iterator[list[str]]:
    """One row per fault of the whole server."""
    for fault, behave in FAULTS.items():
        asker = hasty if behave is hanging else client
        with server(behave) as base:
            answers = {name: told(ask(asker, body, base)) for name, body in CALLS.items()}
        yield [fault, *answers.values()]


def one_query(client: FlaskClient) -> Iterator[list[str]]:
    """One row per query that alone fails."""
    for key in ("", *QUERIES):
        answers: dict[str, Any] = dict(healthy())
        if key:
            answers[key] = status(500)
        with server(serving(answers)) as base:
            responses = [ask(client, request(CASE, hook), base) for hook in HOOKS]
        yield [key or "none", *map(told, responses), open_facts(responses[0])]


def searchset(**fields: Any) -> Json:
    return {"resourceType": "Bundle", "type": "searchset"} | fields


HOLLOW: Mapping[str, Json] = {
    "has a `total` of 3 and no entries": searchset(total=3),
    "has a `next` link and no entries": searchset(link=[{"relation": "next"}]),
    "has entries without resources": searchset(entry=[{"fullUrl": "https://ehr/Observation/1"}]),
    "is a `document`": searchset(type="document"),
    "is a `batch-response`": searchset(type="batch-response"),
    "has a `total` of 0 (the counter-proof)": searchset(total=0),
}


def hollow_answers(client: FlaskClient) -> Iterator[list[str]]:
    """One row per answer that holds less than it says, given to the query for levels."""
    for fault, answer in HOLLOW.items():
        answers: dict[str, Any] = healthy() | {"coagulation": answer}
        with server(serving(answers)) as base:
            responses = [ask(client, request(CASE, hook), base) for hook in HOOKS]
        yield [fault, *map(told, responses), open_facts(responses[0])]


LOCAL = {"coding": [{"system": "urn:hospital:formulary", "code": "470011"}]}


def running(**more: Any) -> Json:
    """Something given since an hour before the present of the fixtures."""
    at = cases()[CASE].now - timedelta(hours=1)
    return {
        "resourceType": "MedicationAdministration",
        "id": "untold",
        "status": "in-progress",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectivePeriod": {"start": at.isoformat()},
    } | more


UNTOLD: Mapping[str, Json] = {
    "a local code, 1,500 U/h": running(
        medicationCodeableConcept=LOCAL, dosage={"rateQuantity": {"value": 1500, "unit": "U/h"}}
    ),
    "a local code, 15 mL/h": running(
        medicationCodeableConcept=LOCAL, dosage={"rateQuantity": {"value": 15, "unit": "mL/h"}}
    ),
    "a local code, a dose of 5,000 U": running(
        medicationCodeableConcept=LOCAL, dosage={"dose": {"value": 5000, "unit": "U"}}
    ),
    "a local code, a dose of 500 mg": running(
        medicationCodeableConcept=LOCAL, dosage={"dose": {"value": 500, "unit": "mg"}}
    ),
    "a reference that nothing answers, 15 mL/h": running(
        medicationReference={"reference": "Medication/gone"},
        dosage={"rateQuantity": {"value": 15, "unit": "mL/h"}},
    ),
}


def unidentified_medicines(client: FlaskClient) -> Iterator[list[str]]:
    """One row per medicine that cannot be told: beside her heparin, alone, and as a draft."""
    for name, row in UNTOLD.items():
        beside, alone = healthy(), healthy() | {"orders": json.loads(EMPTY)}
        beside["administrations"]["entry"].append({"resource": row})
        alone["administrations"] = searchset(entry=[{"resource": row}])
        with server(serving(beside)) as base:
            first = ask(client, request(CASE, "patient-view"), base)
            drafted = ask(client, _drafting(row), base)
        with server(serving(alone)) as base:
            second = ask(client, request(CASE, "patient-view"), base)
        yield [name, told(first), told(second), told(drafted), open_facts(drafted)]


def _drafting(row: Json) -> Json:
    """order-sign of the same medicine in the same dose."""
    medicine = {key: value for key, value in row.items() if key.startswith("medication")}
    dosage = {"doseAndRate": [row["dosage"]]}
    order = {
        "resourceType": "MedicationRequest",
        "id": "untold",
        "status": "draft",
        "intent": "order",
        "subject": row["subject"],
        "dosageInstruction": [dosage],
    }
    body = request(CASE, "order-sign", "ibuprofen")
    body["context"]["draftOrders"] = {
        "resourceType": "Bundle",
        "entry": [{"resource": order | medicine}],
    }
    return body


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def document(
    servers: list[list[str]],
    queries: list[list[str]],
    hollow: list[list[str]],
    untold: list[list[str]],
) -> str:
    """The whole page."""
    return TEXT.format(
        hollow=table(["The answer ...", *HOOKS, NAMED], hollow),
        untold=table(UNTOLD_HEAD, untold),
        command=COMMAND,
        case=CASE,
        one_line=cases()[CASE].one_line,
        servers=table(["The FHIR server ...", *CALLS], servers),
        queries=table(["Query that fails", *HOOKS, NAMED], queries),
    )


NAMED = "Named on the cards of patient-view"
UNTOLD_HEAD = [
    "Given since an hour",
    "patient-view, beside her heparin",
    "patient-view, alone on record",
    "order-sign, drafted beside her heparin",
    "Named when drafted",
]
TEXT = """\
# When data fail

Written by `{command}` (part of `make golden`) from the answers of the running
service; a test compares it. Nothing was sent as prefetch here: everything had to come from the
FHIR server that the call named.

The patient is fixture `{case}`: {one_line}.
The order hooks draft her next heparin infusion, or ibuprofen, which is none of ours.

The rules behind the tables:

- A failure is never an empty list of cards where heparin is or may be in play.
- A draft that is none of ours is answered from the call alone: no query, no card.
- 412 only for patient-view, when neither the orders nor the administrations could be had.
- "Nothing found" is an answer, not a failure: then it may be said that something is not on record.

## The whole server fails

{servers}

## One query fails, the others answer

The failing query answers 500. The row "none" is the healthy server.

{queries}

## An answer holds less than it says

It is given to the query for levels (`coagulation`). "Nothing found" is only what says so.

{hollow}

## A medicine cannot be told

No name, and a code in no table of ours; or a reference that nothing answers. It may be heparin
where it runs at a rate, or is dosed in units or without a unit.

{untold}

What a query asks stands in the `prefetch` of `GET /cds-services`; what each fact decides, in
`cds_service/assessment/`.
"""


def main() -> int:
    """Write the page anew."""
    with (
        tempfile.TemporaryDirectory() as folder,
        service(Path(folder)) as client,
        service(Path(folder), HASTE) as hasty,
    ):
        text = document(
            list(whole_server(client, hasty)),
            list(one_query(client)),
            list(hollow_answers(client)),
            list(unidentified_medicines(client)),
        )
    DOCUMENT.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {DOCUMENT}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
