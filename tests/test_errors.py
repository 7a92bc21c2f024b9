import re

import pytest

from cds_service import errors
from cds_service.errors import HeparinCdsError, MalformedRequest, NotAuthenticated, StartRefused


def every(kind: type) -> set[type]:
    return {kind}.union(*(every(below) for below in kind.__subclasses__()))


def here(kind: type) -> bool:
    return kind.__module__ == errors.__name__


def test_the_drawn_tree_names_every_error_and_no_other() -> None:
    drawn = set(re.findall(r"^[│├└─ ]*([A-Z]\w+Error|[A-Z]\w+)", errors.__doc__ or "", re.M))
    drawn -= {"Everything", "The"}
    assert drawn == {kind.__name__ for kind in every(HeparinCdsError) if here(kind)}


def test_a_refused_start_lists_every_fault() -> None:
    assert str(StartRefused(["one", "two"])) == "- one\n- two"


def test_a_refused_request_names_its_field() -> None:
    error = MalformedRequest("context is missing.", "context")
    assert (error.message, error.field) == ("context is missing.", "context")


def test_the_reason_of_a_refused_token_is_not_part_of_the_message() -> None:
    error = NotAuthenticated("expired")
    assert error.reason == "expired"
    assert "expired" not in str(error)


@pytest.mark.parametrize("kind", sorted(every(HeparinCdsError), key=lambda kind: kind.__name__))
def test_every_error_says_whom_it_is_for(kind: type) -> None:
    assert kind.__doc__
