"""The command line of the integrator's tools; exit status 1 says that something is not right."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cds_service.errors import HeparinCdsError, StartRefused

if TYPE_CHECKING:
    from cds_service.demo.fixtures import Case
    from cds_service.integrator.identity import Identity

Command = TypeVar("Command", bound=Callable[..., Any])

FIXTURES = Path(__file__).resolve().parents[2] / "fhir_fixtures"
SERVICE = "http://127.0.0.1:5000"
HOOKS = ("patient-view", "order-select", "order-sign")
MOST_COLUMNS = 100  # wider cards are hard to read


def _together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, shown in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


fhir_options = _together(
    click.option("--fhir", "fhir", required=True, metavar="URL", help="base of the FHIR server"),
    click.option(
        "--token", envvar="CDS_FHIR_TOKEN", default="", show_envvar=True, help="bearer token for it"
    ),
)
fixture_option = click.option(
    "--fixtures",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=FIXTURES,
    help="folder of patients",
)
identity_options = _together(
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


@click.command()
@fhir_options
@fixture_option
@click.option("--case", "names", multiple=True, metavar="NAME", help="only this; repeatable")
def load(fhir: str, token: str, fixtures: Path, names: tuple[str, ...]) -> None:
    """Put the invented patients on a FHIR R4 server, as they are at present; repeatable."""
    from cds_service.integrator import show
    from cds_service.integrator.fhir_base import FhirBase
    from cds_service.integrator.loading import load as store

    cases = _cases(fixtures, names)
    with _faults(), FhirBase(fhir, token) as base, _progress("loading", len(cases)) as advance:
        store(base, cases, lambda _name, _count: advance(1))
    show.patients(_console(), cases)


@click.command()
@fhir_options
@fixture_option
def unload(fhir: str, token: str, fixtures: Path) -> None:
    """Remove the invented patients again: all that carries our tag, and nothing else."""
    from cds_service.integrator import show
    from cds_service.integrator.fhir_base import FhirBase
    from cds_service.integrator.loading import unload as remove

    cases = _cases(fixtures, ())
    with _faults(), FhirBase(fhir, token) as base, _progress("removing", None) as advance:
        done = remove(base, cases, lambda _name, count: advance(count))
    show.removed(_console(), done)
    if done.left:
        sys.exit(1)


@click.command()
@fhir_options
@click.option("--patient", required=True, metavar="ID")
@click.option("--hook", required=True, type=click.Choice(HOOKS))
@click.option("--draft", "drafts", multiple=True, metavar="DRUG=AMOUNT", help="heparin=1800U/h")
@click.option("--service", "url", default=SERVICE, show_default=True, metavar="URL")
@click.option("--no-prefetch", is_flag=True, help="let the service fetch everything itself")
@click.option("--json", "raw", is_flag=True, help="the answer as it came")
@identity_options
def call(  # noqa: PLR0913 - one for each option
    fhir: str,
    token: str,
    patient: str,
    hook: str,
    drafts: tuple[str, ...],
    url: str,
    no_prefetch: bool,
    raw: bool,
    **who: Any,
) -> None:
    """Call a hook about a patient of a FHIR server, as an EHR would, and show the cards."""
    from cds_service.integrator import show
    from cds_service.integrator.calling import call as ask
    from cds_service.integrator.calling import context
    from cds_service.integrator.fhir_base import FhirBase
    from cds_service.integrator.service import CdsService

    about = context(hook, patient.removeprefix("Patient/"), _orders(drafts, patient))
    with _faults(), FhirBase(fhir, token) as base, CdsService(url, _identity(**who)) as service:
        outcome = ask(service, base, about, hook, token, not no_prefetch)
    answer, console = outcome.answer, _console()
    if raw:
        click.echo(answer.text)
    else:
        if outcome.fetched:
            show.fetched(console, outcome.fetched)
        show.cards(console, answer.cards)
        console.print(f"HTTP {answer.status}; cards: {len(answer.cards)}; {answer.milliseconds} ms")
    if answer.status != 200:
        raise click.ClickException(f"{answer.status}: {show.plain(answer.text)[:500]}")


@click.command()
@click.argument("url", required=False)
@click.option("--origin", default="", help="of a browser client, such as https://ehr.example.org")
@click.option("--fhir-port", default=0, help="port here for the FHIR server that the check starts")
@identity_options
def check(url: str | None, origin: str, fhir_port: int, **who: Any) -> None:
    """Test a running service as an EHR sees it; without URL, the present settings and tables.

    A run leaves a few calls and feedback items about an invented patient in its ledger.
    """
    if url is None:
        _check_settings()
        return
    from cds_service.integrator import show
    from cds_service.integrator.checks.run import run
    from cds_service.integrator.service import CdsService

    console = _console()
    waiting = Console(stderr=True).status(f"Checking {url} ...")
    with _faults(), CdsService(url, _identity(**who)) as service, waiting:
        outcomes = list(run(service, origin, fhir_port))
    show.verdicts(console, (outcome.row for outcome in outcomes))
    counts = {v: sum(o.verdict == v for o in outcomes) for v in ("pass", "FAIL", "skip")}
    console.print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    if counts["FAIL"]:
        sys.exit(1)


def _check_settings() -> None:
    from cds_service.app import create_app  # loads every table, which other commands need not
    from cds_service.settings import Settings

    try:
        create_app(Settings.from_environ(os.environ))
    except StartRefused as refusal:
        raise click.ClickException(f"the service would not start:\n{refusal}") from refusal
    click.echo("Settings and tables are in order.")


def _cases(folder: Path, names: Sequence[str]) -> tuple[Case, ...]:
    """The patients as they would be at present."""
    from cds_service.demo.fixtures import FixtureError, load_cases, shifted

    try:
        found = load_cases(folder)
    except FixtureError as fault:
        raise click.ClickException(str(fault)) from fault
    unknown = set(names) - {case.name for case in found}
    if unknown or not found:
        raise click.ClickException(f"no patient {', '.join(sorted(unknown))} in {folder}")
    now = datetime.now(UTC).replace(microsecond=0)
    return tuple(shifted(case, now) for case in found if not names or case.name in names)


def _orders(texts: Sequence[str], patient: str) -> list[dict[str, Any]]:
    from cds_service.integrator.drafts import UnreadableDraft, order, read_draft
    from cds_service.tables import load_concepts

    concepts = load_concepts()
    try:
        drafts = [read_draft(text, concepts.drugs) for text in texts]
    except UnreadableDraft as fault:
        raise click.BadParameter(str(fault), param_hint="--draft") from fault
    id_ = patient.removeprefix("Patient/")
    return [order(draft, number, id_, concepts) for number, draft in enumerate(drafts, 1)]


def _identity(
    client_key: Path | None, issuer: str, jku: str, kid: str, audience: str
) -> Identity | None:
    from cds_service.integrator.identity import UnusableKey, read_identity

    if client_key is None:
        return None
    if not issuer:
        raise click.UsageError("--client-key needs --issuer")
    try:
        return read_identity(client_key, kid, issuer, jku, audience)
    except UnusableKey as fault:
        raise click.BadParameter(str(fault), param_hint="--client-key") from fault


@contextmanager
def _faults() -> Iterator[None]:
    """What a server did not give ends the command with one line."""
    try:
        yield
    except HeparinCdsError as fault:
        from cds_service.integrator.show import plain

        raise click.ClickException(plain(fault)) from fault


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, where it does not mix with what a script reads."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def _console() -> Console:
    """As wide as reads well; a pipe or a file has no width of its own."""
    console = Console()
    wide = min(console.width, MOST_COLUMNS) if console.is_terminal else MOST_COLUMNS
    return Console(width=wide)
