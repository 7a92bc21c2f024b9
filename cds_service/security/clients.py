"""The registered EHRs: who may call, how its tokens are checked, what it may name and receive.

Read once from the TOML file of `CDS_CLIENTS`. In open mode there is one caller, anybody, who may
name FHIR servers on this machine and on the hosts of `CDS_FHIR_ALLOW`.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from cds_service.cards.card import LinkType
from cds_service.cards.wording import Spelling
from cds_service.errors import StartRefused
from cds_service.outbound.base_url import PLACEHOLDER, Address, parse_address
from cds_service.rulebook.load import PROTOCOLS

# What a site may opt into; "none" and symmetric algorithms are never accepted (CDS Hooks 2.0).
Algorithm = Literal["ES384", "RS384", "ES256", "RS256", "ES512", "RS512", "PS384"]
SelectionBehavior = Literal["at-most-one", "any"]


def _https(url: str) -> str:
    """Unencrypted URLs only to this very machine."""
    address = parse_address(url)
    if address is None or (address.scheme != "https" and not address.is_loopback):
        raise ValueError("must be an https URL without user, blanks or dot segments")
    return url


def _key_url(url: str) -> str:
    """A key URL may have a query, as some identity providers' do."""
    _https(url.partition("?")[0])
    return url


def _printable(name: str) -> str:
    """A name keys hashes and stands in logs and ledger: no control characters."""
    if not name.isprintable() or name != name.strip():
        raise ValueError("must be printable, without blanks around it")
    return name


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be a time zone such as Europe/Berlin") from error
    return name


HttpsUrl = Annotated[str, AfterValidator(_https)]
KeyUrl = Annotated[str, AfterValidator(_key_url)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
TimeZone = Annotated[str, AfterValidator(_zone)]


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """What answering depends on: who asks, which FHIR servers it may name, what suits it."""

    name: str
    bases: tuple[Address, ...] = ()
    hosts: frozenset[str] = frozenset()
    loopback: bool = False
    selection_behavior: SelectionBehavior = "at-most-one"
    single_action: bool = False  # one action per suggestion
    links: frozenset[LinkType] = frozenset({"absolute"})  # that its EHR shows

    def allowed_fhir_server(self, fhir_server: str) -> Address | None:
        """The address of this FHIR server, if the client may have the service ask it."""
        address = parse_address(fhir_server)
        if address is None:
            return None
        allowed = (
            any(base.holds(address) for base in self.bases)
            or address.host in self.hosts
            or (self.loopback and address.is_loopback)
        )
        return address if allowed else None


def open_mode_client(fhir_hosts: Iterable[str]) -> ClientPolicy:
    """The only caller in open mode; the link to the app is there if the service has one."""
    every: frozenset[LinkType] = frozenset({"absolute", "smart"})
    return ClientPolicy("open", hosts=frozenset(fhir_hosts), loopback=True, links=every)


class Client(BaseModel):
    """One registered EHR, as its entry in the clients file says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    issuer: str = Field(min_length=1)  # iss, compared as a whole
    jku: KeyUrl | None = None  # compared as a whole; nothing else is ever fetched
    jwks_file: Path | None = None  # key set exchanged beforehand, instead of jku
    audience: tuple[str, ...] = ()  # agreed values; empty: the URL of the endpoint called
    algorithms: tuple[Algorithm, ...] = Field(("ES384", "RS384"), min_length=1)
    fhir_servers: tuple[HttpsUrl, ...] = ()
    tenants: tuple[str, ...] = ()  # empty: not checked
    smart_client_id: str = ""  # of the SMART app at this EHR; empty: CDS_SMART_CLIENT_ID

    selection_behavior: SelectionBehavior = "at-most-one"
    single_action: bool = False  # true: tests; stops and deletes only in HIT; never a start
    # "smart" for an EHR in which our app is registered; others drop or break such a link.
    links: tuple[LinkType, ...] = ("absolute",)

    # What it is answered by; empty: what the service's own settings name.
    protocol: str = ""  # a shipped one by name, or a file beside the clients file
    concepts: Path | None = None  # the site's own codes, beside the clients file
    time_zone: TimeZone | None = None
    spelling: Spelling | None = None

    @property
    def caller(self) -> ClientPolicy:
        """The client once its token is accepted."""
        return ClientPolicy(
            self.name,
            bases=tuple(base for url in self.fhir_servers if (base := parse_address(url))),
            selection_behavior=self.selection_behavior,
            single_action=self.single_action,
            links=frozenset(self.links),
        )

    @model_validator(mode="after")
    def _has_one_key_source(self) -> Self:  # noqa: N804 - an instance method in mode "after"
        if (self.jku is None) == (self.jwks_file is None):
            raise ValueError("exactly one of jku and jwks_file must be given")
        return self


def load_clients(path: Path) -> tuple[Client, ...]:
    """Every client of the file; refuses the start with all faults listed."""
    rows = _client_rows(path)
    clients, faults = [], []
    for number, row in enumerate(rows, 1):
        try:
            clients.append(_client(row, path.parent))
        except ValidationError as error:
            faults += [_fault(path, number, item) for item in error.errors()]
    faults += _repeated(path, clients)
    faults += _placeholders(path, rows)
    if faults:
        raise StartRefused(faults)
    return tuple(clients)


def _client_rows(path: Path) -> list[Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StartRefused([f"CDS_CLIENTS: {path} cannot be read: {error}"]) from error
    rows = table.get("client")
    if not isinstance(rows, list) or not rows or set(table) != {"client"}:
        raise StartRefused([f"CDS_CLIENTS: {path} must hold [[client]] tables and nothing else"])
    return rows


def _placeholders(path: Path, rows: list[Any]) -> list[str]:
    """Values that an example left to be filled in, "https://<your EHR>/fhir" or the like."""
    return [
        f"{path}: client {number}: {name}: still holds a placeholder (<...>)"
        for number, row in enumerate(rows, 1)
        if isinstance(row, dict)
        for name, value in row.items()
        for one in (value if isinstance(value, list) else [value])
        if isinstance(one, str) and PLACEHOLDER.search(one)
    ]


def _client(row: Any, folder: Path) -> Client:
    """Files are looked for beside the clients file."""
    client = Client.model_validate(row)
    beside: dict[str, Any] = {}
    if client.jwks_file is not None:
        beside["jwks_file"] = folder / client.jwks_file
    if client.concepts is not None:
        beside["concepts"] = folder / client.concepts
    if client.protocol and client.protocol not in PROTOCOLS:
        beside["protocol"] = str(folder / client.protocol)
    return client.model_copy(update=beside)


def _fault(path: Path, number: int, item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    return f"{path}: client {number}: {place}: {item['msg'].removeprefix('Value error, ')}"


def _repeated(path: Path, clients: list[Client]) -> list[str]:
    """A token is matched to its client by issuer and key URL; these must be unambiguous."""
    faults = []
    for field, of in (("name", _name), ("issuer and jku", _identity)):
        counts = Counter(map(of, clients))
        faults += [f"{path}: two clients share {field}" for n in counts.values() if n > 1]
    return faults


def _name(client: Client) -> tuple[str | None, ...]:
    return (client.name,)


def _identity(client: Client) -> tuple[str | None, ...]:
    return client.issuer, client.jku
