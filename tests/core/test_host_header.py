"""Parsing of the Host and Origin headers."""

import pytest

from readmit.core.host_header import host_name, is_ip_address, origin_host


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST:8000", "localhost"),
        ("[::1]:8000", "[::1]"),
        ("10.1.2.3:5001", "10.1.2.3"),
        ("localhost.", "localhost."),
    ],
)
def test_the_name_of_a_host_has_neither_port_nor_capitals(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize(
    "header",
    [
        *("", ":8000", "localhost:", "localhost:port", "localhost:999999", "localhost:80:80", "::1", "[::1"),
        *("localhost, evil.example", "a@localhost", "localhost/evil.example", "localhost\n", "localhost ", "\xe9"),
    ],
)
def test_an_invalid_host_has_no_name(header: str) -> None:
    assert host_name(header) is None
    assert origin_host(f"http://{header}") is None


@pytest.mark.parametrize(
    ("name", "is_address"),
    [
        *(("127.0.0.1", True), ("[::1]", True), ("::1", False), ("[127.0.0.1]", False)),
        *(("127.1", False), ("0x7f000001", False), ("localhost", False), ("1.2.3.4.evil.example", False)),
    ],
)
def test_an_ip_address_is_distinguished_from_a_name(name: str, is_address: bool) -> None:
    assert is_ip_address(name) is is_address


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8501", "localhost:8501"),
        ("HTTPS://Readmit.Example", "readmit.example"),
        ("null", None),
        ("file://", None),
        ("ftp://localhost", None),
        ("http://a@localhost", None),
    ],
)
def test_the_host_of_an_origin_is_that_of_a_web_page(origin: str, host: str | None) -> None:
    assert origin_host(origin) == host
