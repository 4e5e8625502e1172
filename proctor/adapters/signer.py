"""Ed25519 signatures of deletion certificates: anybody with the public key can verify one, nobody else make one."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Ed25519Signer:
    """`ports.Signer` over 32 secret bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(key)

    @property
    def public_hex(self) -> str:
        return self._key.public_key().public_bytes_raw().hex()

    @property
    def public_pem(self) -> bytes:
        """For tools of others: openssl reads it."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, body: bytes) -> bytes:
        return self._key.sign(body)


def verifies(public_hex: str, body: bytes, signature_hex: str) -> bool:
    """Whether the holder of this key signed exactly these bytes. What is no key or signature verifies nothing."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_hex)).verify(bytes.fromhex(signature_hex), body)
    except (InvalidSignature, ValueError):
        return False
    return True
