"""That every requirement has a test, and the table says which."""

from collections import Counter

import pytest

from tests.conformance.table import by_requirement, numbers, requirements, table, written


def test_no_requirement_is_without_a_test() -> None:
    found = by_requirement(written())
    assert [number for number, tests in found.items() if not tests] == []


def test_no_test_is_named_after_a_requirement_that_is_not_listed() -> None:
    assert set(by_requirement(written())) == set(requirements())


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("test_1_5_a_call", ["1.5"]),
        ("test_3_2_3_3_the_only_token", ["3.2", "3.3"]),
        ("test_5_10_empty", ["5.10"]),
        ("test_9_1_200_where_it_went_well", ["9.1"]),
        ("test_b7_2_an_object", []),
        ("test_a_draft", []),
    ],
)
def test_numbers_are_read_from_a_test_s_name(name: str, held: list[str]) -> None:
    assert list(numbers(name)) == held


def test_the_table_tells_results_and_what_has_no_test() -> None:
    results = {
        "test_x.py::test_1_1_1_2_one": Counter(passed=3),
        "test_x.py::test_1_2_two": Counter(failed=1, passed=1),
    }
    lines = table(results).splitlines()
    assert len(lines) == 2 + len(requirements())
    assert lines[2].startswith("| 1.1 | MUST")
    assert lines[2].endswith("| `test_x.py::test_1_1_1_2_one` | 3 passed |")
    assert lines[3].endswith("<br>`test_x.py::test_1_2_two` | 1 failed, 4 passed |")
    assert lines[4].endswith("|  | **no test** |")
