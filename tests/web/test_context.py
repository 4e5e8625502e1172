"""Whose address a request comes from: the socket's, and a proxy's word only where a setting says so."""

from __future__ import annotations

import pytest

from web.context import client_of


@pytest.mark.parametrize(
    ("remote", "hops", "trusted", "client"),
    [
        # Nobody is believed unless a setting says so.
        ("127.0.0.1", ["203.0.113.9"], "", "127.0.0.1"),
        ("203.0.113.9", ["198.51.100.7"], "127.0.0.1", "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9"], "127.0.0.1", "203.0.113.9"),
        ("127.0.0.1", [], "127.0.0.1", "127.0.0.1"),
        # A client writes what it likes; the proxy appends what it saw.
        ("127.0.0.1", ["198.51.100.7", "203.0.113.9"], "127.0.0.1", "203.0.113.9"),
        # Two proxies of ours, one behind the other.
        ("127.0.0.1", ["198.51.100.7", "203.0.113.9", "10.0.3.4"], "127.0.0.1, 10.0.0.0/8", "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.2", "10.0.0.3"], "10.0.0.0/8", "10.0.0.2"),
        ("::1", ["2001:db8::9"], "::1", "2001:db8::9"),
        # What is no address ends the walk at whom we know.
        ("127.0.0.1", ["203.0.113.9", "unknown"], "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1", "127.0.0.1"),
        ("", ["203.0.113.9"], "127.0.0.1", ""),
    ],
)  # fmt: skip
def test_a_forwarded_address_is_believed_as_far_as_trusted_proxies_wrote_it(
    remote: str, hops: list[str], trusted: str, client: str
) -> None:
    assert client_of(remote, hops, trusted) == client
