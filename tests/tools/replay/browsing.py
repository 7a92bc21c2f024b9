"""A browser's page that fails its test for whatever it says or loads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page


@contextmanager
def quiet_page(browser: Browser, allowed: str = "") -> Iterator[Page]:
    """A page from disk: no error, no console line, no request but for its own files.

    `allowed` is the start of an address that it may ask for besides.
    """
    opened = browser.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda told: wrong.append(told.text))
    opened.on("request", lambda r: None if r.url.startswith("file:") else wrong.append(r.url))
    yield opened
    opened.close()
    assert [one for one in wrong if not (allowed and one.startswith(allowed))] == []
