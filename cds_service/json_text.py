"""JSON text to plain values, the same for requests and for FHIR answers.

Strict about the text (no NaN, no numbers beyond a double, bounded nesting), not about content.
"""

from __future__ import annotations

import orjson

from cds_service.errors import UnreadableJson

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some Windows clients send it; JSON itself has none


def read_json(text: bytes) -> object:
    """Parse UTF-8 JSON; a repeated key keeps its last value."""
    try:
        value: object = orjson.loads(text.removeprefix(_BYTE_ORDER_MARK))
        orjson.dumps(value)  # refuses what is nested more than 254 deep and could not be sent on
    except (orjson.JSONDecodeError, TypeError) as error:
        raise UnreadableJson("not JSON") from error
    return value


def write_json(value: object) -> bytes:
    """The wire form of a plain value."""
    return orjson.dumps(value)
