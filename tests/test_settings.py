from pathlib import Path

import pytest
from pydantic import ValidationError

from cds_service.errors import StartRefused
from cds_service.settings import Settings

OPEN = {"CDS_OPEN": "1"}
CLOSED = {
    "CDS_CLIENTS": "clients.toml",
    "CDS_PUBLIC_URL": "https://cds.example.org/",
    "CDS_LEDGER_KEY": "0123456789abcdef0123456789abcdef",
}


def faults(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(StartRefused) as refusal:
        Settings.from_environ(environ)
    return refusal.value.faults


def test_open_mode_needs_nothing_else() -> None:
    settings = Settings.from_environ(OPEN)
    assert settings.open
    assert settings.clients is None
    assert settings.fhir_deadline_seconds == 4.0
    assert settings.protocol == "default"


def test_registered_clients_need_a_public_url() -> None:
    settings = Settings.from_environ(CLOSED)
    assert not settings.open
    assert settings.clients == Path("clients.toml")
    assert settings.public_url == "https://cds.example.org"


@pytest.mark.parametrize("name", ["CDS_PUBLIC_URL", "CDS_LEDGER_KEY"])
def test_registered_clients_need_url_and_key(name: str) -> None:
    (fault,) = faults({key: value for key, value in CLOSED.items() if key != name})
    assert name in fault


def test_the_public_url_is_encrypted() -> None:
    (fault,) = faults(CLOSED | {"CDS_PUBLIC_URL": "http://cds.example.org"})
    assert "https" in fault
    assert Settings.from_environ(CLOSED | {"CDS_PUBLIC_URL": "http://127.0.0.1:5000"})


@pytest.mark.parametrize("url", ["/explain", "ftp://x.org/", "https://", "https://x.org/#top"])
def test_the_page_of_the_rules_is_a_whole_address_without_fragment(url: str) -> None:
    (fault,) = faults(OPEN | {"CDS_RULES_URL": url})
    assert fault.startswith("CDS_RULES_URL: must ")


def test_the_key_does_not_show_in_a_representation() -> None:
    assert CLOSED["CDS_LEDGER_KEY"] not in repr(Settings.from_environ(CLOSED))


def test_without_clients_and_without_open_mode_the_start_is_refused() -> None:
    (fault,) = faults({})
    assert "CDS_CLIENTS" in fault
    assert "CDS_OPEN" in fault


def test_open_mode_switched_off_in_words_is_off() -> None:
    assert "CDS_CLIENTS" in faults({"CDS_OPEN": "0"})[0]
    assert "CDS_CLIENTS" in faults({"CDS_OPEN": "false"})[0]


def test_open_mode_and_clients_exclude_each_other() -> None:
    assert faults(OPEN | CLOSED) == ("CDS_OPEN=1 and CDS_CLIENTS exclude each other",)


def test_all_faults_are_listed_at_once() -> None:
    found = faults(
        {
            "CDS_FHIR_DEADLINE_SECONDS": "soon",
            "CDS_LOG_LEVEL": "loud",
            "CDS_PROTOCL": "default",
            "CDS_CORS_ORIGINS": "*",
        }
    )
    for name in (
        "CDS_FHIR_DEADLINE_SECONDS",
        "CDS_LOG_LEVEL",
        "CDS_PROTOCL is not a setting",
        "CDS_CORS_ORIGINS",
        "CDS_CLIENTS",
    ):
        assert any(name in fault for fault in found), name


def test_a_fault_never_repeats_the_value() -> None:
    assert "hunter2" not in "".join(faults({"CDS_PUBLIC_URL": "hunter2", **OPEN}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CDS_FHIR_DEADLINE_SECONDS", "0"),
        ("CDS_FHIR_DEADLINE_SECONDS", "31"),
        ("CDS_FHIR_PAGE_CAP", "0"),
        ("CDS_FHIR_BYTE_CAP", "1"),
        ("CDS_PUBLIC_URL", "cds.example.org"),
        ("CDS_PUBLIC_URL", "ftp://cds.example.org"),
        ("CDS_CORS_ORIGINS", "https://ehr.example.org/"),
        ("CDS_CORS_ORIGINS", "https://*.example.org"),
        ("CDS_CORS_ORIGINS", "ehr.example.org"),
        ("CDS_OPEN", "perhaps"),
    ],
)
def test_a_value_out_of_range_refuses_the_start(name: str, value: str) -> None:
    assert any(name in fault for fault in faults(OPEN | {name: value}))


def test_lists_are_separated_by_commas_or_blanks() -> None:
    settings = Settings.from_environ(
        OPEN | {"CDS_CORS_ORIGINS": "https://a.example, http://localhost:8080 https://b.example"}
    )
    assert settings.cors_origins == (
        "https://a.example",
        "http://localhost:8080",
        "https://b.example",
    )


def test_hosts_are_compared_without_case() -> None:
    assert Settings.from_environ(OPEN | {"CDS_FHIR_ALLOW": "FHIR.local"}).fhir_allow == (
        "fhir.local",
    )


def test_the_log_level_may_be_written_in_capitals() -> None:
    assert Settings.from_environ(OPEN | {"CDS_LOG_LEVEL": "DEBUG"}).log_level == "debug"


def test_an_empty_variable_counts_as_not_set_and_other_variables_are_not_ours() -> None:
    settings = Settings.from_environ(OPEN | {"CDS_CONCEPTS": " ", "PATH": "/bin"})
    assert settings.concepts is None


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings.from_environ(OPEN).open = False  # type: ignore[misc]


def test_the_time_zone_is_known_by_its_name() -> None:
    zone = Settings.from_environ(OPEN | {"CDS_TIME_ZONE": "Australia/Adelaide"}).zone
    assert zone is not None
    assert zone.key == "Australia/Adelaide"
    assert Settings.from_environ(OPEN).zone is None


@pytest.mark.parametrize("name", ["Berlin", "CET+1:00", "../etc/passwd", "/etc/localtime", "."])
def test_a_time_zone_that_is_none_refuses_the_start(name: str) -> None:
    (fault,) = faults(OPEN | {"CDS_TIME_ZONE": name})
    assert "CDS_TIME_ZONE" in fault
    assert "Europe/Berlin" in fault
