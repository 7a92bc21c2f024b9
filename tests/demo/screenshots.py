"""Pictures of the demo, at a desk's and a side panel's width, light and dark.

    python -m tests.demo.screenshots http://127.0.0.1:5000 docs/images [case ...]

Run by `make screenshots` against a running service; never part of the tests.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser

from tests.demo.browser import open_browser

WIDTHS = (1280, 400)
SCHEMES = ("light", "dark")
CASES = ("01-antithrombin-dose", "09-hit-on-record")


def take(url: str, folder: Path, cases: tuple[str, ...]) -> list[Path]:
    """One picture per page, width and colour scheme; gives the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"patients": "/"} | {name: f"/demo/patients/{name}" for name in cases}
    written = []
    with open_browser() as browser:
        for width in WIDTHS:
            for scheme in SCHEMES:
                for name, path in pages.items():
                    file = folder / f"demo-{name}-{width}-{scheme}.png"
                    _picture(browser, url + path, width, scheme, file)
                    written.append(file)
    return written


def _picture(browser: Browser, url: str, width: int, scheme: str, file: Path) -> None:
    viewport = {"width": width, "height": 900}
    page = browser.new_page(viewport=viewport, color_scheme=scheme, device_scale_factor=1.5)
    page.goto(url)
    if "/patients/" in url:
        page.wait_for_selector("#cards > *")
    page.screenshot(path=file, full_page=True)
    page.close()


if __name__ == "__main__":
    for picture in take(sys.argv[1], Path(sys.argv[2]), tuple(sys.argv[3:]) or CASES):
        print(picture)
