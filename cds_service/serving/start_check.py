"""Everything that is wrong with the settings and the files and database they name, at once.

`create_app` stops at the first part that refuses; an operator wants the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cds_service.advice import Rulebook
from cds_service.errors import StartRefused
from cds_service.ledger.database_url import unreachable, url_fault
from cds_service.outbound.base_url import PLACEHOLDER
from cds_service.rulebook.load import load_protocol, load_rulebook, protocol_path
from cds_service.rulebook.toml_table import load_concepts
from cds_service.security.clients import load_clients
from cds_service.settings import DEFAULT_DATABASE, Settings, given_in


def start_faults(environ: Mapping[str, str], *, connect: bool) -> tuple[str, ...]:
    """Each fault once, in the order of settings, clients, tables, database.

    The service starts without its database, and answers; so whether that can be reached (which
    takes up to 5 s) is asked only with `connect`. A URL that can never work is a wrong setting.
    """
    return tuple(dict.fromkeys(_faults(environ, connect)))


def _faults(environ: Mapping[str, str], connect: bool) -> Iterator[str]:
    given = given_in(environ)
    yield from _refusals(lambda: _rulebook(Settings.from_environ(environ)))
    if "clients" in given:
        yield from _refusals(lambda: load_clients(Path(given["clients"])))
    yield from _refusals(lambda: load_protocol(protocol_path(given.get("protocol", "default"))))
    if "concepts" in given:
        yield from _refusals(lambda: load_concepts(site=Path(given["concepts"])))
    url = given.get("database_url", DEFAULT_DATABASE)
    if connect and not PLACEHOLDER.search(url) and not url_fault(url):
        fault = unreachable(url)
        if fault:
            yield f"CDS_DATABASE_URL: {fault}"


def _rulebook(settings: Settings) -> Rulebook:
    return load_rulebook(settings.protocol, settings.concepts, settings.review_acknowledged)


def _refusals(load: Callable[[], object]) -> tuple[str, ...]:
    try:
        load()
    except StartRefused as refusal:
        return refusal.faults
    return ()
