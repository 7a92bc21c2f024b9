"""What readers of a report call each card, in place of its name in the code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from cds_service.rulebook.toml_table import read_table

TABLE = Path(__file__).with_name("titles.toml")


def topic_title(topic: str) -> str:
    """The title of a topic; one of the hospital's own making has its name."""
    return _titles().get(topic, topic)


@cache
def _titles() -> Mapping[str, str]:
    return read_table(TABLE, dict[str, str])
