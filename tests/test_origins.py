"""Whose page may open a socket: the web's own, the public address, and those that the operator named."""

from __future__ import annotations

import pytest

from proctor.gateway.server import Gateway
from proctor.settings import load


def allowed(origin: str, host: str, **given: object) -> bool:
    gateway = Gateway(load({}, **given), hub=None, tickets=None)  # type: ignore[arg-type]
    return gateway._allowed(origin, host)


TLS = {"tls_cert": "c", "tls_key": "k"}


@pytest.mark.parametrize(
    ("origin", "host", "given", "fine"),
    [
        ("", "anything", {}, True),  # programs and some WebViews say none; they need a ticket like everybody
        ("http://localhost:8080", "localhost:8081", {}, True),
        ("http://localhost:8080", "127.0.0.1:8081", {}, False),
        ("http://localhost:9999", "localhost:8081", {}, False),
        ("https://localhost:8080", "localhost:8081", {}, False),
        ("https://localhost:8080", "localhost:8081", TLS, True),
        # Browsers leave the scheme's own port out.
        ("http://school.example", "school.example:81", {"port": 80}, True),
        ("https://school.example", "school.example:444", {"port": 443, **TLS}, True),
        ("http://school.example", "school.example:444", {"port": 443, **TLS}, False),
        ("http://[::1]:8080", "[::1]:8081", {}, True),
        ("null", "", {}, False),
        ("null", "localhost", {}, False),
        ("http://[", "localhost", {}, False),
        ("http://localhost:port", "localhost", {}, False),
        ("http://localhost:8080", "[", {}, False),
        ("http://localhost:8080@evil.example:8080", "localhost:8081", {}, False),
        ("https://xue.example.cn", "inner:8081", {"public_url": "https://xue.example.cn/"}, True),
        ("http://inner:8080", "inner:8081", {"public_url": "https://xue.example.cn"}, False),
        ("https://app.example", "inner:8081", {"origins": "https://app.example, https://b.example"}, True),
        ("https://app.example.evil", "inner:8081", {"origins": "https://app.example"}, False),
    ],
)
def test_an_origin_is_compared_whole(origin: str, host: str, given: dict, fine: bool) -> None:
    assert allowed(origin, host, **given) is fine
