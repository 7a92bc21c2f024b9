"""Logs: one JSON object a line, with the request's id and nothing of the patient.

An exception is logged by type and place; its message may repeat data and is left out. A line that
standard error does not take is dropped and counted: a full disk, a closed pipe or one that nobody
reads keeps no call waiting and fails none.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

import structlog

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


# A pipe that says it can be written to takes this much without waiting (POSIX's PIPE_BUF on Linux).
_PIECE = 4096
_WAIT_SECONDS = 0.05  # for another thread's line


def set_up_logs(level: str, lost: Callable[[], None] = lambda: None) -> None:
    """Send structured lines to standard error; `lost` is told of each that it did not take."""
    lines = _Lines(lost)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )


class _Lines:
    """Writes a line at a time, if standard error takes it at once."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._lock = threading.Lock()

    def msg(self, message: str) -> None:
        if not self._is_written(message.encode("utf-8", "replace") + b"\n"):
            self._lost()

    debug = info = warning = error = critical = exception = fatal = log = msg

    def _is_written(self, line: bytes) -> bool:
        if not self._lock.acquire(timeout=_WAIT_SECONDS):
            return False
        try:
            where_to = sys.stderr.fileno()
            return all(
                _takes(where_to) and os.write(where_to, line[start : start + _PIECE])
                for start in range(0, len(line), _PIECE)
            )
        except (OSError, ValueError, AttributeError):  # full, closed, or none at all
            return False
        finally:
            self._lock.release()


def _takes(where_to: int) -> bool:
    poll = select.poll()
    poll.register(where_to, select.POLLOUT)
    return any(event & select.POLLOUT for _, event in poll.poll(0))


def log() -> Any:
    """The logger; its fields are what a line is made of."""
    return structlog.get_logger()


def where(error: BaseException) -> dict[str, object]:
    """Type and places of an exception, without its message and without any value."""
    return {"error": type(error).__qualname__, "at": _places(error.__traceback__)}


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-12:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
