"""`heparin-cds serve` and `heparin-cds demo`: gunicorn with the project's own configuration.

Both replace this process by gunicorn, as a supervisor expects. Settings are the CDS_ variables;
`serve` takes each of them as an option too, but for those that are secret.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from cds_service.settings import PREFIX, Settings
from cds_service.tools.shipped_files import shipped

NO_OPTION = ("ledger_key", "ledger_page_key")  # secrets: options stand in the list of processes
LOOPBACK = "127.0.0.1"
USUAL_PORT = 5000
PORTS_TRIED = 20
SCRATCH = "heparin-cds-metrics-"  # gunicorn.conf.py removes a folder of this name at the end


def _settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, field in reversed(Settings.model_fields.items()):
        if name in NO_OPTION:
            continue
        flag, told = f"--{name.replace('_', '-')}", f"as {PREFIX}{name.upper()}"
        if field.annotation is bool:
            command = click.option(flag, name, is_flag=True, help=told)(command)
        else:
            command = click.option(flag, name, metavar="VALUE", help=told)(command)
    return command


@click.command(
    short_help="Serve the CDS Hooks service with gunicorn.",
    epilog="""\b
Examples:
  heparin-cds serve --open
  CDS_LEDGER_KEY=... heparin-cds serve --clients clients.toml \\
      --public-url https://cds.example.org --workers 4
""",
)
@click.option(
    "--port",
    envvar="PORT",
    type=click.IntRange(1, 65535),
    default=USUAL_PORT,
    show_default=True,
    show_envvar=True,
    help="on 127.0.0.1",
)
@click.option("--bind", metavar="HOST:PORT", help="instead of --port: another address")
@click.option(
    "--workers",
    envvar="WEB_CONCURRENCY",
    type=click.IntRange(1),
    show_envvar=True,
    help="processes; one per core if not given",
)
@_settings_options
def serve(port: int, bind: str | None, workers: int | None, **settings: Any) -> None:
    """Serve the CDS Hooks service with gunicorn.

    All settings are environment variables (docs/deployment.md); an option goes before its variable.
    CDS_LEDGER_KEY and CDS_LEDGER_PAGE_KEY have no option: others on the machine can read those.
    """
    environ = dict(os.environ)
    for name, value in settings.items():
        if value not in (None, False):
            environ[f"{PREFIX}{name.upper()}"] = "1" if value is True else str(value)
    if bind is None and not environ.get("LISTEN_FDS"):
        _refuse_taken(port)
    _become_gunicorn(environ | {"PORT": str(port)}, bind, workers)


@click.command(
    short_help="Serve with invented patients, for trying out.",
    epilog="""\b
Examples:
  heparin-cds demo
  heparin-cds demo --port 8000
""",
)
@click.option(
    "--port",
    envvar="PORT",
    type=click.IntRange(1, 65535),
    show_envvar=True,
    help="on 127.0.0.1; the first free one from 5000 on if not given",
)
def demo(port: int | None) -> None:
    """Serve with the demonstration EHR and its invented patients, for trying out.

    In open mode: nobody is asked who they are. What is stored is gone at the end, unless
    CDS_DATABASE_URL names a place.
    """
    if port is not None:
        _refuse_taken(port)
    chosen = port or _free_port()
    scratch = tempfile.mkdtemp(prefix=SCRATCH)
    environ = {k: v for k, v in os.environ.items() if k not in ("CDS_CLIENTS", "CDS_PUBLIC_URL")}
    environ.setdefault("CDS_DATABASE_URL", f"sqlite:///{Path(scratch) / 'ledger.sqlite'}")
    ours = {"CDS_OPEN": "1", "CDS_DEMO": "1", "CDS_SMART": "1", "PORT": str(chosen)}
    click.echo(f"\n  Open in a browser:  http://{LOOPBACK}:{chosen}/")
    click.echo(f"  Ask the service:    curl http://{LOOPBACK}:{chosen}/cds-services")
    click.echo("  Open mode, for trying out. Stop with Ctrl-C.\n")
    sys.stdout.flush()
    _become_gunicorn(environ | ours | {"PROMETHEUS_MULTIPROC_DIR": scratch}, None, None)


def _become_gunicorn(environ: Mapping[str, str], bind: str | None, workers: int | None) -> NoReturn:
    """`-P`: what happens to lie in the present folder is not taken for a module."""
    configuration = shipped("gunicorn.conf.py")
    command = [sys.executable, "-P", "-m", "gunicorn", "--config", str(configuration)]
    command += ["--bind", bind] if bind else []
    command += ["--workers", str(workers)] if workers else []
    os.execve(sys.executable, command, dict(environ))  # noqa: S606 - our own interpreter, no shell


def _refuse_taken(port: int) -> None:
    if not _is_free(port):
        raise click.ClickException(
            f"port {port} is taken on this machine; --port or PORT names another one"
        )


def _free_port() -> int:
    tried = range(USUAL_PORT, USUAL_PORT + PORTS_TRIED)
    found = next((port for port in tried if _is_free(port)), None)
    if found is None:
        raise click.ClickException(f"ports {tried[0]} to {tried[-1]} are taken; --port names one")
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn does
        try:
            tried.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
