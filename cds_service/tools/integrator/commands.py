"""`heparin-cds load`, `unload` and `call`; exit status 1 says that something is not right."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cds_service.tools.integrator.options import (
    console,
    faults_in_a_line,
    identity_of,
    identity_options,
    progress,
    together,
    whole_url,
)
from cds_service.tools.nearest import did_you_mean
from cds_service.tools.shipped_files import FIXTURES

if TYPE_CHECKING:
    from cds_service.demo.fixtures import Fixture
    from cds_service.tools.integrator.calling import CallResult
    from cds_service.tools.integrator.fhir_base import FhirBase

SERVICE = "http://127.0.0.1:5000"
HOOKS = ("patient-view", "order-select", "order-sign")

fhir_options = together(
    click.option(
        "--fhir", metavar="URL", callback=whole_url, required=True, help="base of the FHIR server"
    ),
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


@click.command(
    short_help="Put the invented patients on a FHIR server.",
    epilog="""\b
Examples:
  heparin-cds load --fhir http://127.0.0.1:8080/fhir
  heparin-cds load --fhir http://127.0.0.1:8080/fhir --case 01 --case 13-child
""",
)
@fhir_options
@fixture_option
@click.option("--case", "names", multiple=True, metavar="NAME", help="only this; repeatable")
def load(fhir: str, token: str, fixtures: Path, names: tuple[str, ...]) -> None:
    """Put the invented patients on a FHIR R4 server, as of now; repeatable."""
    from cds_service.tools.integrator import show
    from cds_service.tools.integrator.fhir_base import FhirBase
    from cds_service.tools.integrator.loading import load_resources as store

    cases = _cases(fixtures, names)
    with (
        faults_in_a_line(),
        FhirBase(fhir, token) as base,
        progress("loading", len(cases)) as advance,
    ):
        store(base, cases, lambda _name, _count: advance(1))
    show.patients(console(), cases)


@click.command(
    short_help="Remove the invented patients again.",
    epilog="""\b
Example:
  heparin-cds unload --fhir http://127.0.0.1:8080/fhir
""",
)
@fhir_options
@fixture_option
def unload(fhir: str, token: str, fixtures: Path) -> None:
    """Remove the invented patients again: all that carries our tag, and nothing else."""
    from cds_service.tools.integrator import show
    from cds_service.tools.integrator.fhir_base import FhirBase
    from cds_service.tools.integrator.loading import unload_resources as remove

    cases = _cases(fixtures, ())
    with faults_in_a_line(), FhirBase(fhir, token) as base, progress("removing", None) as advance:
        done = remove(base, cases, lambda _name, count: advance(count))
    show.removed(console(), done)
    if done.left:
        sys.exit(1)


@click.command(
    short_help="Call a hook as an EHR would, and show the cards.",
    epilog="""\b
Examples:
  heparin-cds call --fhir http://127.0.0.1:8080/fhir --patient hr-01 --hook patient-view
  heparin-cds call --fhir http://127.0.0.1:8080/fhir --patient hr-01 \\
      --hook order-select --draft heparin=1800U/h
""",
)
@fhir_options
@click.option("--patient", required=True, metavar="ID")
@click.option("--hook", required=True, type=click.Choice(HOOKS))
@click.option("--draft", "drafts", multiple=True, metavar="DRUG=AMOUNT", help="heparin=1800U/h")
@click.option(
    "--service", "url", metavar="URL", callback=whole_url, default=SERVICE, show_default=True
)
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
    from cds_service.tools.integrator.calling import call_service as ask
    from cds_service.tools.integrator.calling import context
    from cds_service.tools.integrator.fhir_base import FhirBase
    from cds_service.tools.integrator.service import RemoteCdsService

    if hook != "patient-view" and not drafts:
        raise click.UsageError(f"--hook {hook} needs --draft, such as --draft heparin=1800U/h")
    id_ = patient.removeprefix("Patient/")
    about = context(hook, id_, _orders(drafts, id_))
    with (
        faults_in_a_line(),
        FhirBase(fhir, token) as base,
        RemoteCdsService(url, identity_of(**who)) as service,
    ):
        service.refuse_to_leak(token)
        _refuse_unknown(base, id_, must_answer=not no_prefetch)
        outcome = ask(service, base, about, hook, token, not no_prefetch)
    _show(outcome, raw)


def _refuse_unknown(base: FhirBase, id_: str, *, must_answer: bool) -> None:
    """A patient whom the FHIR server does not have; without prefetch only the service asks it."""
    from cds_service.tools.integrator.fhir_base import NotAnswered

    try:
        found = base.find(f"Patient/{id_}")
    except NotAnswered:
        if must_answer:
            raise
        return
    if found is None:
        raise NotAnswered(f"{base.url} has no Patient/{id_}; heparin-cds load puts ours there")


def _show(outcome: CallResult, raw: bool) -> None:
    from cds_service.tools.integrator import show

    answer, screen = outcome.answer, console()
    if raw:
        click.echo(answer.text)
    else:
        if outcome.fetched:
            show.fetched(screen, outcome.fetched)
        show.show_cards(screen, answer.cards)
        screen.print(f"HTTP {answer.status}; cards: {len(answer.cards)}; {answer.milliseconds} ms")
    if answer.status != 200:
        raise click.ClickException(f"{answer.status}: {show.plain_text(answer.text)[:500]}")


def _cases(folder: Path, names: Sequence[str]) -> tuple[Fixture, ...]:
    """The patients as they would be at present; one is named by folder, number or patient id."""
    from cds_service.demo.fixtures import FixtureError, load_cases, shifted

    try:
        found = load_cases(folder)
    except FixtureError as fault:
        raise click.ClickException(str(fault)) from fault
    if not found:
        raise click.ClickException(f"no patient in {folder}")
    chosen = [_chosen(found, name, folder) for name in names]
    now = datetime.now(UTC).replace(microsecond=0)
    return tuple(shifted(case, now) for case in found if not names or case in chosen)


def _chosen(found: Sequence[Fixture], name: str, folder: Path) -> Fixture:
    from cds_service.demo.fixtures import choose

    case = choose(found, name)
    if case is None:
        close = did_you_mean(name, (known.name for known in found))
        raise click.ClickException(f"no patient {name} in {folder}{close}")
    return case


def _orders(texts: Sequence[str], id_: str) -> list[dict[str, Any]]:
    from cds_service.rulebook.toml_table import load_concepts
    from cds_service.tools.integrator.drafts import UnreadableDraft, order, read_draft

    concepts = load_concepts()
    try:
        drafts = [read_draft(text, concepts.drugs) for text in texts]
    except UnreadableDraft as fault:
        raise click.BadParameter(str(fault), param_hint="--draft") from fault
    return [order(draft, number, id_, concepts) for number, draft in enumerate(drafts, 1)]
