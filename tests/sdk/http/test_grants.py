"""What an operator may write, what it allows, and that what a refusal tells to write does allow it."""

import tomllib
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_sdk.egress import EgressGrant
from toolyard_sdk.http import grant_problems
from toolyard_sdk.http.addresses import why_not_public
from toolyard_sdk.http.grants import host_lines, may_receive, private_lines, reach, secret_lines
from toolyard_sdk.http.targets import TargetInvalid, matches, read_target

PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"),
    *("192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *("2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888", "2620:fe::fe", "2400:cb00::1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    assert why_not_public(address) == ""


@given(st.ip_addresses())
def test_what_python_holds_for_private_is_never_public_here(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_link_local:
        assert why_not_public(str(address))


@given(st.ip_addresses(v=4))
def test_no_way_of_writing_an_ipv4_address_in_ipv6_is_public(address: IPv4Address) -> None:
    number = int(address)
    for network, shift in (("::ffff:0:0", 0), ("64:ff9b::", 0), ("::", 0), ("2002::", 80), ("64:ff9b:1::", 0)):
        assert why_not_public(str(IPv6Address(int(IPv6Address(network)) + (number << shift))))


@given(st.integers(0, 2**125 - 1))
def test_outside_the_block_of_public_addresses_nothing_is_public(number: int) -> None:
    address = IPv6Address(number)  # below 2000::/3
    assert address not in IPv6Network("2000::/3")
    assert why_not_public(str(address))


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        (
            "api.example.org",
            ["https://api.example.org/", "http://API.example.org/"],
            [
                "https://example.org/",
                "https://x.api.example.org/",
                "https://api.example.org.evil.net/",
                "https://api.example.org:8443/",
            ],
        ),
        ("API.Example.org:8443", ["https://api.example.org:8443/"], ["https://api.example.org/"]),
        (
            "*.example.org",
            ["https://a.example.org/", "https://a.b.example.org/"],
            [
                "https://example.org/",
                "https://evilexample.org/",
                "https://a.example.org.evil.net/",
                "https://a.example.org:81/",
            ],
        ),
        (
            "*",
            ["https://anything.example/", "http://1.1.1.1/", "https://[2606:4700::1111]/"],
            ["https://anything.example:8443/"],
        ),
        ("*:8443", ["https://anything.example:8443/"], ["https://anything.example/"]),
        ("1.1.1.1", ["http://1.1.1.1/"], ["http://1.1.1.10/", "http://1.1.1.1.example.org/"]),
        ("[2606:4700::1111]:8443", ["https://[2606:4700:0:0::1111]:8443/"], ["https://[2606:4700::1111]/"]),
        ("2606:4700::1111", ["https://[2606:4700::1111]/"], ["https://[2606:4700::1112]/"]),
        ("*.1.1.1", [], ["http://1.1.1.1/"]),
    ],
)
def test_a_pattern_is_for_these_hosts_and_no_others(pattern: str, fits: list[str], fails: list[str]) -> None:
    for url in fits:
        target = read_target(url)
        assert matches(pattern, target.host, target.port), url
    for url in fails:
        target = read_target(url)
        assert not matches(pattern, target.host, target.port), url


@given(st.text(max_size=30))
def test_whatever_is_read_is_read_the_same_again(text: str) -> None:
    try:
        target = read_target(f"https://{text}")
    except TargetInvalid:
        return
    assert target.url.isascii()
    assert read_target(target.url) == target
    try:
        ip_address(target.host)
    except ValueError:
        assert not target.literal
        assert not target.host.rpartition(".")[2].isdecimal()
    else:
        assert target.literal


WRONG = {
    "hosts": [
        "https://example.org",
        "example.org/path",
        "a*.example.org",
        "*example.org",
        "*.*.org",
        "127.1",
        "",
        "*.",
        "ex ample.org",
        "example.org:99999",
        "*.1.1.1.1",
        "münchen.de",
        "example.org.",
        "user@example.org",
    ],
    "private": ["intranet", "*:8080", "*.intranet:80", "http://intranet:80", "intranet:0x50", "fd00::1"],
}


@pytest.mark.parametrize(("key", "entry"), [(key, entry) for key, entries in WRONG.items() for entry in entries])
def test_an_entry_that_could_never_be_meant_is_told(key: str, entry: str) -> None:
    (told,) = grant_problems(msgspec.convert({key: [entry]}, EgressGrant))
    assert told.startswith(f"{key}: {entry!r} cannot be used: ")


def test_entries_that_can_be_meant_are_not() -> None:
    grant = EgressGrant(
        hosts=(
            "example.org",
            "*.example.org",
            "*",
            "*:8080",
            "example.org:8443",
            "1.1.1.1",
            "[2606::1]",
            "2606::1",
            "_a.b-c.de",
        ),
        private=("intranet:8080", "10.0.0.1:80", "[fd00::1]:80", "127.0.0.1:8000"),
        secrets={"key": ("api.example.org", "intranet:8080")},
    )
    assert grant_problems(grant) == ()
    assert len(grant_problems(EgressGrant(secrets={"key": ("http://x",)}))) == 1


URLS = [
    "https://api.example.org/x",
    "https://api.example.org:8443/x",
    "http://[fd00::1]:8080/",
    "http://127.0.0.1/",
    "http://intranet/",
    "https://[2606:4700::1111]/",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("name", ["weather", "tools/refunds.py", 'od"d name'])
def test_the_lines_that_a_refusal_tells_allow_what_was_refused(url: str, name: str) -> None:
    before = EgressGrant(hosts=("a.example.org",), private=("db:5432",), secrets={"a.b": ("c.example.org",)})
    target = read_target(url)
    assert reach(before, target) is None

    def written(lines: str) -> EgressGrant:
        table = msgspec.to_builtins(before) | tomllib.loads(lines)["egress"][name]
        grant = msgspec.convert(table, EgressGrant)
        assert grant_problems(grant) == ()
        return grant

    assert reach(written(host_lines(name, before, target)), target) == "public"
    assert reach(written(private_lines(name, before, target)), target) == "private"
    after = written(secret_lines(name, before, "key", target))
    assert may_receive(after, "key", target)
    assert after.secrets["a.b"] == ("c.example.org",)
    assert written(host_lines(name, before, target)).hosts[0] == "a.example.org"
