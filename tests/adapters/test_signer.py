"""Signatures under certificates: made by one key, verified by anybody, broken by any change."""

from __future__ import annotations

import pytest

from proctor.adapters.signer import Ed25519Signer, verifies

SIGNER = Ed25519Signer(b"s" * 32)


def test_a_signature_holds_for_the_very_bytes_and_the_very_key() -> None:
    signature = SIGNER.sign(b"body").hex()
    assert verifies(SIGNER.public_hex, b"body", signature)
    assert not verifies(SIGNER.public_hex, b"bodY", signature)
    assert not verifies(Ed25519Signer(b"t" * 32).public_hex, b"body", signature)
    assert Ed25519Signer(b"s" * 32).public_hex == SIGNER.public_hex


@pytest.mark.parametrize(
    ("key", "signature"), [("", ""), ("zz", "00"), ("11" * 32, "00" * 64), ("00" * 31, "00" * 64)]
)
def test_what_is_no_key_or_signature_verifies_nothing(key: str, signature: str) -> None:
    assert not verifies(key, b"body", signature)
