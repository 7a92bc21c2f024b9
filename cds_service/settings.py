"""Settings of the running service, from environment variables that begin with `CDS_`.

Frozen, checked as a whole at start: a wrong or unknown variable refuses the start, and all
faults are listed at once. No secret has a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from cds_service.errors import StartRefused
from cds_service.outbound.base_url import PLACEHOLDER, parse_address

PREFIX = "CDS_"
OF_COMMANDS = ("CDS_FHIR_TOKEN",)  # for `heparin-cds load` and `call`; never read here
DEFAULT_DATABASE = "sqlite:///heparin-cds.sqlite"
_SHORTEST_KEY = 32


def _split(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]  # separated by commas or blanks


class Settings(BaseModel):
    """One value per variable: `fhir_allow` is read from `CDS_FHIR_ALLOW`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    open: bool = False  # development: callers are not asked for a JWT
    clients: Path | None = None  # TOML file of registered EHRs; required unless open
    demo: bool = False  # the demo EHR at /
    public_url: str = ""  # what callers type: the audience of their tokens
    rules_url: str = ""  # of the page of the rules, if a hospital hosts it elsewhere
    cors_origins: Words = ()  # exact origins of browser clients
    # The SMART app at /smart/; cards link to it where a client's profile allows it.
    smart: bool = False
    smart_client_id: str = "heparin-cds"  # under which EHRs know it; a client's profile may differ
    smart_token_origins: Words = ()  # of token endpoints that lie elsewhere than the FHIR base
    smart_frame_ancestors: Words = ()  # origins of EHRs that show the app inside their own page
    protocol: str = "default"  # "default", "review-as-written", or a file
    acknowledge_review: bool = False  # needed to run review-as-written
    concepts: Path | None = None  # a site's own codes
    time_zone: str = ""  # of times that a record gives without one: "Europe/Berlin"
    spelling: Literal["uk", "us"] = "uk"  # of the words on cards
    database_url: str = DEFAULT_DATABASE
    ledger_key: SecretStr | None = None  # keys the hash of patient ids; required unless open
    ledger_required: bool = False  # advice that cannot be recorded is not given
    ledger_page: bool = False  # /ledger: what became of the cards, for the protocol's owner
    ledger_page_key: SecretStr | None = None  # who may read it; required with it
    retention_days: int = Field(default=730, ge=1)  # of the record of calls
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    # Hosts of FHIR servers that may be called in open mode, and that may lie at private addresses.
    fhir_allow: Words = ()
    fhir_deadline_seconds: float = Field(default=4.0, gt=0, le=30)  # for all queries of one call
    fhir_page_cap: int = Field(default=20, ge=1, le=1000)  # pages of one query
    fhir_byte_cap: int = Field(default=16_000_000, ge=1000)  # of one query, unpacked
    # Of a whole call: its body and all FHIR answers together.
    call_byte_cap: int = Field(default=32 * 1024 * 1024, ge=1000)
    call_value_cap: int = Field(default=1_000_000, ge=1000)
    call_resource_cap: int = Field(default=25_000, ge=100)
    body_cap: int = Field(default=16 * 1024 * 1024, ge=1000)  # of a request

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The settings an environment holds; an empty variable counts as not set."""
        given = given_in(environ)
        faults = [*_placeholders(given), *_contradictions(given)]
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            raise StartRefused(_faults(error) + faults) from error
        if faults:
            raise StartRefused(faults)
        return settings

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, level: object) -> object:
        return level.lower() if isinstance(level, str) else level

    @field_validator("fhir_allow")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host.lower() for host in hosts)

    @field_validator("public_url")
    @classmethod
    def _whole_url(cls, url: str) -> str:
        if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
            raise ValueError("must be an absolute http(s) URL")
        return url.rstrip("/")

    @field_validator("rules_url")
    @classmethod
    def _whole_page(cls, url: str) -> str:
        if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
            raise ValueError("must be an absolute http(s) URL")
        if "#" in url:  # a card's topic goes there
            raise ValueError("must have no fragment (#...)")
        return url

    @field_validator("database_url")
    @classmethod
    def _spoken_database(cls, url: str) -> str:
        from cds_service.ledger.database_url import (
            url_fault,  # SQLAlchemy, which most commands need not
        )

        fault = "" if PLACEHOLDER.search(url) else url_fault(url)
        if fault:
            raise ValueError(fault)
        return url

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError("must be the name of a time zone such as Europe/Berlin") from error
        return name

    @property
    def review_acknowledged(self) -> bool:
        """Whether a protocol that doses by the review's formula may be loaded."""
        return self.open or self.acknowledge_review

    @property
    def zone(self) -> ZoneInfo | None:
        """The hospital's time zone, if it is set."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    @field_validator("cors_origins", "smart_token_origins", "smart_frame_ancestors")
    @classmethod
    def _exact_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            url = urlsplit(origin)
            if origin != f"{url.scheme}://{url.netloc}" or "*" in origin:
                raise ValueError("each must be an exact origin such as https://ehr.example.org")
        return origins


def given_in(environ: Mapping[str, str]) -> dict[str, str]:
    """Each setting that is given, as text, by its name without the prefix."""
    return {
        name.removeprefix(PREFIX).lower(): value.strip()
        for name, value in environ.items()
        if name.startswith(PREFIX) and name not in OF_COMMANDS and value.strip()
    }


def _placeholders(given: Mapping[str, str]) -> list[str]:
    """Values that were copied from a document and not filled in."""
    return [
        f"{PREFIX}{name.upper()} still holds a placeholder (<...>)"
        for name, value in given.items()
        if PLACEHOLDER.search(value)
    ]


def _contradictions(given: Mapping[str, str]) -> list[str]:
    """What is wrong between variables, whether or not each is right by itself."""
    is_open = _is_on(given.get("open", ""))
    faults = _client_faults(given) if "clients" in given else []
    if is_open and "clients" in given:
        faults.insert(0, "CDS_OPEN=1 and CDS_CLIENTS exclude each other")
    if not is_open and "clients" not in given:
        faults.append(
            "CDS_CLIENTS must name the file of registered EHRs"
            " (or CDS_OPEN=1 for development, without any check of callers)"
        )
    return faults + _ledger_page_faults(given)


def _client_faults(given: Mapping[str, str]) -> list[str]:
    """What registered clients need besides: an address for their tokens, a key for patient ids."""
    faults = []
    if "public_url" not in given:
        faults.append("CDS_PUBLIC_URL is needed with CDS_CLIENTS: tokens are made out to it")
    if not _is_encrypted(given.get("public_url", "https:")):
        faults.append("CDS_PUBLIC_URL must be https, unless it is on this machine")
    if len(given.get("ledger_key", "")) < _SHORTEST_KEY:
        faults.append(
            f"CDS_LEDGER_KEY is needed with CDS_CLIENTS: a secret of {_SHORTEST_KEY} or more"
            " characters that keys the hash of patient ids"
        )
    return faults


def _ledger_page_faults(given: Mapping[str, str]) -> list[str]:
    key = given.get("ledger_page_key", "")
    if _is_on(given.get("ledger_page", "")) and len(key) < _SHORTEST_KEY:
        return [NO_LEDGER_PAGE_KEY]
    # It is typed into browsers; the other one must never be.
    if key and key == given.get("ledger_key"):
        return ["CDS_LEDGER_PAGE_KEY must be another secret than CDS_LEDGER_KEY"]
    return []


NO_LEDGER_PAGE_KEY = (
    f"CDS_LEDGER_PAGE_KEY is needed with CDS_LEDGER_PAGE: a secret of {_SHORTEST_KEY} or more"
    " characters that opens the page"
)


def _is_on(given: str) -> bool:
    return given.lower() in ("1", "true", "yes", "on", "t", "y")


def _is_encrypted(url: str) -> bool:
    address = parse_address(url)
    return url.startswith("https:") or (address is not None and address.is_loopback)


def _faults(error: ValidationError) -> list[str]:
    """One line per fault, by the variable's name; values are left out, they may be secrets."""
    return [_fault(item["loc"], item["type"], item["msg"]) for item in error.errors()]


def _fault(place: tuple[int | str, ...], kind: str, message: str) -> str:
    name = f"{PREFIX}{str(place[0]).upper()}"
    if kind == "extra_forbidden":
        return f"{name} is not a setting"
    return f"{name}: {message.removeprefix('Value error, ')}"
