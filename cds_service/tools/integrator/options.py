"""Options that several of the integrator's commands take, and how they speak and end."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cds_service.errors import HeparinCdsError

if TYPE_CHECKING:
    from cds_service.tools.integrator.identity import Identity

Command = TypeVar("Command", bound=Callable[..., Any])

MOST_COLUMNS = 100  # wider cards are hard to read


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, shown in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def whole_url(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """A URL; one without a scheme is http on this machine and https elsewhere, and that is said."""
    if not value or "://" in value:
        return value
    host = urlsplit(f"//{value}").hostname or ""
    url = f"{'http' if _is_here(host) else 'https'}://{value}"
    click.echo(f"{value} is taken as {url}", err=True)
    return url


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


identity_options = together(
    click.option(
        "--client-key",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="private key (PEM or JWK) of a registered client",
    ),
    click.option("--issuer", default="", help="its iss"),
    click.option("--jku", default="", help="its key set URL"),
    click.option("--kid", default="", help="the key's id; a JWK has its own"),
    click.option("--audience", default="", help="agreed aud; else the URL called"),
)


def identity_of(
    client_key: Path | None, issuer: str, jku: str, kid: str, audience: str
) -> Identity | None:
    """The registered client to call as; None if no key was given."""
    from cds_service.tools.integrator.identity import UnusableKey, read_identity

    if client_key is None:
        return None
    if not issuer:
        raise click.UsageError("--client-key needs --issuer")
    try:
        return read_identity(client_key, kid, issuer, jku, audience)
    except UnusableKey as fault:
        raise click.BadParameter(str(fault), param_hint="--client-key") from fault


@contextmanager
def faults_in_a_line() -> Iterator[None]:
    """What a server did not give ends the command with one line."""
    try:
        yield
    except HeparinCdsError as fault:
        from cds_service.tools.integrator.show import plain_text

        raise click.ClickException(plain_text(fault)) from fault


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, where it does not mix with what a script reads."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def console() -> Console:
    """As wide as reads well; a pipe or a file has no width of its own."""
    given = Console()
    wide = min(given.width, MOST_COLUMNS) if given.is_terminal else MOST_COLUMNS
    return Console(width=wide)
