"""What the architecture test counts as a branch."""

from __future__ import annotations

import pytest

from tests.complexity import function_sizes

BODIES = [
    ("return 1", 1),
    ("return 1 if a else 2", 2),
    ("return a and b and c", 3),
    ("return (a and b) or c", 3),
    ("return [x for x in a if x if b]", 4),
    ("for x in a:\n        pass\n    while b:\n        pass", 3),
    ("if a:\n        pass\n    elif b:\n        pass\n    else:\n        pass", 3),
    ("try:\n        pass\n    except ValueError:\n        pass\n    finally:\n        pass", 2),
    ("match a:\n        case 1:\n            pass\n        case _:\n            pass", 2),
    ("match a:\n        case 1:\n            pass\n        case _ if b:\n            pass", 3),
    ("assert a", 2),
    ("return sorted(a, key=lambda x: x if b else c)", 2),
]


@pytest.mark.parametrize(("body", "expected"), BODIES)
def test_each_decision_and_each_further_operand_counts_one(body: str, expected: int) -> None:
    (function,) = function_sizes(f"def f(a, b, c):\n    {body}\n")

    assert function.complexity == expected


def test_a_method_and_a_function_inside_a_function_are_counted_by_themselves() -> None:
    source = """
class Order:
    def runs(self):
        def inner(x):
            return x and self
        return inner if self else None
"""

    sizes = {one.name: (one.complexity, one.lines) for one in function_sizes(source)}

    assert sizes == {"Order.runs": (2, 4), "Order.runs.inner": (2, 2)}
