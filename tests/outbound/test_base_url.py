import pytest

from cds_service.outbound.base_url import is_literal, is_private, next_within, parse_address

BASE = "https://ehr.example.org/fhir/r4"


@pytest.mark.parametrize(
    "url",
    [
        BASE,
        BASE + "/",
        BASE + "/Observation",
        "https://EHR.example.org:443/fhir/r4",
        "https://ehr.example.org./fhir/r4",
    ],
)
def test_a_base_holds_itself_and_what_is_below(url: str) -> None:
    base, address = parse_address(BASE), parse_address(url)
    assert base is not None
    assert address is not None
    assert base.holds(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://ehr.example.org/fhir/r4",
        "https://ehr.example.org:8443/fhir/r4",
        "https://ehr.example.org.evil.example/fhir/r4",
        "https://evil.example/fhir/r4",
        "https://ehr.example.org/fhir/r4evil",
        "https://ehr.example.org/fhir",
        "https://ehr.example.org/",
    ],
)
def test_a_base_does_not_hold_its_neighbours(url: str) -> None:
    base, address = parse_address(BASE), parse_address(url)
    assert base is not None
    assert address is not None
    assert not base.holds(address)


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "fhir/r4",
        "//ehr.example.org/fhir",
        "file:///etc/passwd",
        "https://",
        "https:///fhir",
        "https://user@ehr.example.org/fhir",
        "https://ehr.example.org@evil.example/fhir",
        "https://ehr.example.org\\@evil.example/fhir",
        "https://ehr.example.org/fhir/../admin",
        "https://ehr.example.org/fhir/%2e%2e/admin",
        "https://ehr.example.org/fhir/%2E./admin",
        "https://ehr.example.org/fhir%2F..%2Fadmin",
        "https://ehr.example.org/fhir r4",
        "https://ehr.example.org/fhir\r\nX-Evil: 1",
        "https://ehr.example.org:port/fhir",
        "https://ehr.example.org:99999/fhir",
        "https://[::1/fhir",
        # What a server or a proxy on the way may read as another path.
        "https://ehr.example.org/fhir/..;/admin",
        "https://ehr.example.org/fhir/r4;v=1/admin",
        "https://ehr.example.org/fhir/%3B/admin",
        "https://ehr.example.org/fhir/%252e%252e/admin",
        "https://ehr.example.org/fhir/%25252e%25252e/admin",
        "https://ehr.example.org/fhir/..%00/admin",
        "https://ehr.example.org/fhir/%2e%2e%09/admin",
        "https://ehr.example.org/fhir/%0d%0a/admin",
        "https://ehr.example.org/fhir/%c0%ae%c0%ae/admin",
        "https://ehr.example.org/fhir/%ef%bc%8e%ef%bc%8e/admin",
        "https://ehr.example.org/fhir/\uff0e\uff0e/admin",
        "https://ehr.example.org/fhir/\u2025/admin",
        "https://ehr.example.org/fhir/r4%EF%BC%8Fadmin",
        "https://ehr.example.org/fhir/.%e2%80%8b./admin",
        "https://ehr.example.org/fhir/r4%3Fx=/",
        "https://ehr.example.org/fhir/r4%23",
        "https://ehr.example.org/fhir/%5c..%5cadmin",
        "https://ehr.example.org/fhir/r4?x=",
        "https://ehr.example.org/fhir/r4?",
        "https://ehr.example.org/fhir/r4#",
        "https://ehr.example.org/fhir/r4#/../admin",
    ],
)
def test_anything_odd_is_no_address(url: object) -> None:
    assert parse_address(url) is None


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (BASE + "?_getpages=7", BASE + "?_getpages=7"),
        ("?page=2", BASE + "/Observation?page=2"),
        ("Observation?page=2", BASE + "/Observation?page=2"),
        ("/fhir/r4/Observation?page=2", BASE + "/Observation?page=2"),
        ("https://evil.example/fhir/r4?page=2", None),
        ("//evil.example/fhir/r4?page=2", None),
        ("/admin", None),
        ("../../admin", None),
        ("http://ehr.example.org/fhir/r4?page=2", None),
        ("https://[", None),
        ("javascript:alert(1)", None),
        (BASE + "/%252e%252e/admin?page=2", None),
        (BASE + "/..;/admin?page=2", None),
        (BASE + "?page=2#x", None),
        (BASE + "?next=/../admin%252e;", BASE + "?next=/../admin%252e;"),
    ],
)
def test_a_next_link_is_followed_only_within_the_base(link: str, expected: str | None) -> None:
    assert next_within(BASE, BASE + "/Observation", link) == expected


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost:8000/fhir", True),
        ("http://127.0.0.1/fhir", True),
        ("http://127.8.8.8/fhir", True),
        ("http://[::1]/fhir", True),
        ("http://localhost.evil.example/fhir", False),
        ("http://10.0.0.1/fhir", False),
        ("http://2130706433/fhir", False),
    ],
)
def test_loopback_is_recognised_from_the_text_alone(url: str, loopback: bool) -> None:
    address = parse_address(url)
    assert address is not None
    assert address.is_loopback is loopback


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse, not to bind to
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
    ],
)
def test_inner_addresses_are_private(ip: str) -> None:
    assert is_private(ip)


@pytest.mark.parametrize("ip", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_outer_addresses_are_not_private(ip: str) -> None:
    assert not is_private(ip)


def test_a_name_is_no_literal_address() -> None:
    assert is_literal("10.0.0.1")
    assert not is_literal("ehr.example.org")
