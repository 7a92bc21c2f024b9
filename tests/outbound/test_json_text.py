import pytest

from cds_service.errors import UnreadableJson
from cds_service.outbound.json_text import is_within_depth_limit, read_json, write_json


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b'{"a":',
        b"NaN",
        b"[Infinity]",
        b"1e400",
        b'"\\ud800"',
        b'"\xff"',
        b"[" * 2_000 + b"]" * 2_000,
        b"[" * 100_000,
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    ],
)
def test_what_is_not_json_or_nested_beyond_reason_is_refused(text: bytes) -> None:
    with pytest.raises(UnreadableJson):
        read_json(text)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_a_repeated_key_keeps_its_last_value() -> None:
    assert read_json(b'{"a": 1, "a": 2}') == {"a": 2}


def test_what_is_read_can_be_written() -> None:
    assert (
        write_json(read_json('{"a": ["ü", 1.5, null]}'.encode())) == '{"a":["ü",1.5,null]}'.encode()
    )


def test_what_can_be_written_within_an_answer_is_sendable() -> None:
    def nested(levels: int) -> object:
        return read_json(b"[" * levels + b"]" * levels)

    assert is_within_depth_limit({"a": nested(200)})
    assert not is_within_depth_limit(nested(250))  # by itself it could be written
    assert write_json(nested(250))
    assert not is_within_depth_limit(nested(1_000))
