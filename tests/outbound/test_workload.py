"""What one call may be, and what all calls of a process may hold together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from cds_service import service as one_call
from cds_service.errors import BodyTooLarge, Busy, TookTooLong
from cds_service.outbound.workload import CallLimits, Room, Workload
from tests.service import CASE, Service, bundle, fhir_server, prefetch_of, request_of

Json = dict[str, Any]


def workload(room: Room | None = None, **limits: Any) -> Workload:
    return Workload(CallLimits(**limits), room or Room())


class TestOneCall:
    @pytest.mark.parametrize(
        "text",
        [
            b"[" + b",".join([b"[]"] * 60) + b"]",
            b"[" + b",".join([b'{"a":1}'] * 60) + b"]",
            b"[" * 101,
            b"{" + b",".join(b'"%d":0' % n for n in range(101)) + b"}",
            b'["' + b'","'.join([b"x"] * 101) + b'"]',
        ],
    )
    def test_values_are_counted_before_they_are_parsed(self, text: bytes) -> None:
        with pytest.raises(BodyTooLarge, match="values"):
            workload(values=100).hold(text)

    def test_an_estimate_is_never_below_what_parsing_makes(self) -> None:
        """Each value that Python holds was counted: otherwise a body could slip through."""
        for value in ([[[]], {}, {"a": [1, "x", None]}], {"a": {"b": {}}}, [0.5] * 9, {}, "x", 1):
            text = orjson.dumps(value)
            counted = text.count(b",") + text.count(b"[") + text.count(b"{")
            assert counted >= held(value) - 1, "one value may stand alone in each of them"

    def test_resources_are_counted_wherever_they_stand(self) -> None:
        order = {"resourceType": "MedicationRequest", "contained": [{"resourceType": "Medication"}]}
        text = orjson.dumps(bundle(*[order] * 10))
        workload(resources=21).hold(text)
        with pytest.raises(BodyTooLarge, match="resources"):
            workload(resources=20).hold(text)

    def test_everything_read_counts_together(self) -> None:
        work = workload(bytes=100, values=10)
        work.count(60)
        work.hold(b"[1,2,3,4]")
        with pytest.raises(BodyTooLarge, match="bytes"):
            work.count(60)
        with pytest.raises(BodyTooLarge, match="values"):
            work.hold(b"[1,2,3,4,5,6,7,8]")

    def test_its_time_is_over_once(self) -> None:
        work = workload(seconds=0.05)
        work.still()
        time.sleep(0.06)
        with pytest.raises(TookTooLong):
            work.still()


def held(value: Any) -> int:
    """How many objects and arrays a value is, and how many values stand in them."""
    if isinstance(value, dict):
        return 1 + sum(max(held(one), 1) for one in value.values()) - (1 if value else 0)
    if isinstance(value, list):
        return 1 + sum(max(held(one), 1) for one in value) - (1 if value else 0)
    return 0


class TestRoom:
    def test_what_a_call_holds_is_free_after_it(self) -> None:
        room = Room(10_000)
        for _ in range(50):
            with workload(room) as work:
                work.hold(b"[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]")
        assert room.enter(10_000, 0) == 10_000

    def test_also_after_one_that_failed(self) -> None:
        room = Room(10_000)
        with workload(room, values=20) as work:
            work.hold(b"[0,0,0,0,0,0]")
            with pytest.raises(BodyTooLarge):
                work.hold(b"[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]")
        assert room.enter(10_000, 0) == 10_000

    def test_one_that_finds_no_room_waits_for_it(self) -> None:
        room = Room(100)
        room.enter(80, 0)
        threading.Timer(0.1, lambda: room.leave(80)).start()
        began = time.monotonic()
        room.enter(50, 5)
        assert 0.05 < time.monotonic() - began < 2

    def test_but_not_longer_than_its_time(self) -> None:
        room = Room(100)
        room.enter(80, 0)
        with pytest.raises(Busy):
            room.enter(50, 0.05)
        assert room.enter(20, 0) == 20

    def test_few_wait_and_the_others_are_reported_at_once(self) -> None:
        room = Room(100, waiting=2)
        room.enter(100, 0)
        waiting = [threading.Thread(target=room.enter, args=(10, 5)) for _ in range(2)]
        for thread in waiting:
            thread.start()
        time.sleep(0.1)
        began = time.monotonic()
        with pytest.raises(Busy):
            room.enter(10, 5)
        assert time.monotonic() - began < 1
        room.leave(100)
        for thread in waiting:
            thread.join()

    def test_what_is_larger_than_the_room_goes_alone(self) -> None:
        room = Room(100)
        assert room.enter(1000, 0) == 100


class TestOverHttp:
    @pytest.fixture
    def small(self, tmp_path: Path) -> Iterator[Service]:
        service = Service(
            tmp_path, call_resource_cap=100, call_value_cap=20_000, call_byte_cap=1_000_000
        )
        yield service
        service.close()
        structlog.reset_defaults()

    @pytest.mark.parametrize(
        "prefetch",
        [
            {"conditions": bundle(*[{"resourceType": "Condition"}] * 200)},
            {"x": [[]] * 20_000},
            {"x": [{"a": 1}] * 20_000},
        ],
    )
    def test_a_body_beyond_it_is_413(self, small: Service, prefetch: Json) -> None:
        answer = small.post(request_of() | {"prefetch": prefetch})
        assert answer.status_code == 413
        assert "more" in answer.json["issue"][0]["diagnostics"]

    def test_feedback_too(self, small: Service) -> None:
        body = {"feedback": [], "x": [[]] * 20_000}
        path = "/cds-services/heparin-order-sign/feedback"
        assert small.client.post(path, json=body).status_code == 413

    def test_fhir_answers_beyond_it_are_a_part_and_named(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The body and the answers together: with half of the cap in the body, less is fetched."""
        service = Service(tmp_path, call_resource_cap=100)
        with fhir_server() as base:
            whole = service.post(request_of() | {"fhirServer": base})
            service.close()
            cut = Service(tmp_path, call_resource_cap=120)
            filler = {"x": [{"resourceType": "Basic"}] * 115}
            body = request_of() | {"fhirServer": base, "prefetch": filler}
            part = cut.post(body)
            cut.close()
        assert whole.status_code == part.status_code == 200
        topics = {card["source"]["topic"]["code"] for card in part.json["cards"]}
        assert "notAssessed" in topics
        assert topics != {card["source"]["topic"]["code"] for card in whole.json["cards"]}
        assert "more than one call may read" in capfd.readouterr().err

    def test_a_call_whose_time_is_over_is_503_and_written_down(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from cds_service.ledger.calls import calls

        monkeypatch.setattr("cds_service.app._BESIDE_FHIR_SECONDS", 0.0)
        service = Service(tmp_path, fhir_deadline_seconds=0.05)
        real = one_call.retrieve

        def slow(*given: Any) -> Any:
            time.sleep(0.1)
            return real(*given)

        monkeypatch.setattr(one_call, "retrieve", slow)
        answer = service.call()
        assert (answer.status_code, answer.json["issue"][0]["code"]) == (503, "timeout")
        assert [row.outcome for row in service.rows(calls)] == ["late"]
        service.close()


@pytest.mark.parametrize("name", [CASE, "28-ecmo-and-crrt"])
def test_a_patient_of_ours_is_far_below_every_cap(name: str) -> None:
    with Workload(CallLimits(values=20_000, resources=200), Room()) as work:
        work.hold(orjson.dumps(request_of(name) | {"prefetch": prefetch_of(name)}))


def test_a_judgement_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading is given up at any resource, judging wherever it searches the chart."""
    from tests.floods import FLOODS, NOW

    monkeypatch.setattr("cds_service.app._BESIDE_FHIR_SECONDS", 0.4)
    service = Service(tmp_path, fhir_deadline_seconds=0.001)
    service.now = NOW
    for kind in ("n active orders of one drug", "n drafts of one drug", "n aPTT"):
        began = time.monotonic()
        answer = service.post(FLOODS[kind](20_000))
        assert answer.status_code == 503, kind
        assert answer.json["issue"][0]["code"] == "timeout"
        assert time.monotonic() - began < 6, kind
    service.close()
