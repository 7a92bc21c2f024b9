"""Which version of the product this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def product_version() -> str:
    """The installed version; a checkout that was never installed says so."""
    try:
        return version("heparin-cds")
    except PackageNotFoundError:
        return "not installed"
