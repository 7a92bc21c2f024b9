import pytest

from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.fhir.circuit_breaker import CircuitBreaker

SILENT = QueryResult(QueryState.FAILED, problem="timed out")
DOWN = QueryResult(QueryState.FAILED, problem="not reachable")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def silence(breaker: CircuitBreaker, calls: int) -> None:
    for _ in range(calls):
        breaker.learn("a", [SILENT, DOWN])


def test_a_server_is_asked_until_three_calls_in_a_row_brought_nothing(
    breaker: CircuitBreaker,
) -> None:
    silence(breaker, 2)
    assert breaker.lets("a")
    silence(breaker, 1)
    assert not breaker.lets("a")


def test_other_servers_are_asked_as_ever(breaker: CircuitBreaker) -> None:
    silence(breaker, 3)
    assert breaker.lets("b")


def test_after_a_pause_one_call_asks_again(breaker: CircuitBreaker, clock: Clock) -> None:
    silence(breaker, 3)
    clock.now = 10.0
    assert breaker.lets("a")
    assert not breaker.lets("a")


def test_one_answer_of_any_kind_is_enough(breaker: CircuitBreaker, clock: Clock) -> None:
    silence(breaker, 3)
    clock.now = 10.0
    assert breaker.lets("a")
    breaker.learn("a", [SILENT, QueryResult(QueryState.FAILED, problem="HTTP 500")])
    assert breaker.lets("a")
    silence(breaker, 2)
    assert breaker.lets("a")


def test_a_server_that_stays_silent_is_left_alone_again(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    silence(breaker, 3)
    clock.now = 10.0
    assert breaker.lets("a")
    silence(breaker, 1)
    clock.now = 19.0
    assert not breaker.lets("a")
