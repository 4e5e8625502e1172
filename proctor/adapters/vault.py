"""Field encryption and blind indexes: AES-256-GCM with the field's name bound in, HMAC-SHA-256 for look-ups."""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

VERSION = b"\x01"  # of key and format; the first byte of everything sealed
NONCE_BYTES = 12


class AesVault:
    """`ports.Vault` over one key; sealing and indexing use keys derived from it."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(_derive(key, b"seal"))
        self._index_key = _derive(key, b"index")

    def seal_bytes(self, plain: bytes, *, field: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, plain, VERSION + field.encode())

    def open_bytes(self, sealed: bytes, *, field: str) -> bytes:
        """Raises AssertionError when the bytes were altered, or sealed for another field or with another key."""
        sealed = bytes(sealed)
        assert sealed[:1] == VERSION, "sealed with an unknown key version"
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, VERSION + field.encode())
        except (InvalidTag, ValueError):  # ValueError: cut off within the nonce
            raise AssertionError(f"a sealed {field} does not open: altered, or another key") from None

    def seal(self, plain: str, *, field: str) -> bytes:
        return self.seal_bytes(plain.encode(), field=field)

    def open(self, sealed: bytes, *, field: str) -> str:
        return self.open_bytes(sealed, field=field).decode()

    def index(self, plain: str, *, field: str) -> bytes:
        return hmac.new(self._index_key, field.encode() + b"\0" + plain.encode(), hashlib.sha256).digest()


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(SHA256(), 32, b"zhenxue:" + purpose).derive(key)
