"""The local authority: made once, renewed for new addresses, and able to sign nothing but this server."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from proctor import tls


def read(path: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(path.read_bytes())


def test_a_certificate_for_this_machine_under_an_authority_of_its_own(tmp_path: Path) -> None:
    chain, key = tls.local_certificate(tmp_path)
    server, authority = read(chain)
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert "127.0.0.1" in [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    limits = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (limits.ca, limits.path_length) == (True, 0)
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    # Phones refuse a server's certificate that lives longer.
    assert server.not_valid_after_utc - server.not_valid_before_utc <= datetime.timedelta(days=398)
    for path in (key, tmp_path / "tls" / "ca.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700


def test_a_second_start_keeps_both(tmp_path: Path) -> None:
    chain, _key = tls.local_certificate(tmp_path)
    before = chain.read_bytes()
    assert tls.local_certificate(tmp_path)[0].read_bytes() == before


@pytest.mark.parametrize("what", ["a new address", "almost over"])
def test_a_new_certificate_keeps_the_authority_that_phones_trust(tmp_path: Path, monkeypatch, what: str) -> None:
    chain, _key = tls.local_certificate(tmp_path)
    server, authority = read(chain)
    if what == "a new address":
        more = [*tls._names(), x509.DNSName("school.example")]
        monkeypatch.setattr(tls, "_names", lambda: more)
    else:
        monkeypatch.setattr(tls, "RENEW_DAYS", tls.CERT_DAYS)
    fresh, same = read(tls.local_certificate(tmp_path)[0])
    assert fresh.serial_number != server.serial_number and same == authority
    fresh.verify_directly_issued_by(authority)


def test_keys_are_of_an_elliptic_curve(tmp_path: Path) -> None:
    chain, _key = tls.local_certificate(tmp_path)
    assert all(isinstance(one.public_key(), ec.EllipticCurvePublicKey) for one in read(chain))
