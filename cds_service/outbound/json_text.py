"""JSON text to plain values, the same for requests and for FHIR answers.

Strict about the text (no NaN, no numbers beyond a double, nesting of 1,024 at most), not about
content. What may be sent on as it came must be `sendable`: writing goes no deeper than 254.
"""

from __future__ import annotations

import orjson

from cds_service.errors import UnreadableJson

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some Windows clients send it; JSON itself has none
_LEVELS_OF_AN_ANSWER = 8  # cards, suggestions, actions, resource: an array and an object each


def read_json(text: bytes) -> object:
    """Parse UTF-8 JSON; a repeated key keeps its last value."""
    try:
        value: object = orjson.loads(text.removeprefix(_BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        raise UnreadableJson("not JSON") from error
    return value


def is_within_depth_limit(value: object) -> bool:
    """Whether a value that was read can be written within an answer."""
    for _ in range(_LEVELS_OF_AN_ANSWER):
        value = [value]
    try:
        write_json(value)
    except TypeError:  # nested too deeply
        return False
    return True


def write_json(value: object) -> bytes:
    """The wire form of a plain value."""
    return orjson.dumps(value)
