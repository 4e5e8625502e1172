"""Field encryption and blind indexes: sealed by the master key with the field's name bound in, HMAC for look-ups."""

from __future__ import annotations

import hashlib
import hmac

from proctor.adapters.keyring import Ring, derive


class RingVault:
    """`ports.Vault` over the versions of the master key. The index has a key of its own, which is never rotated:
    it opens nothing, and equal texts must go on looking equal."""

    def __init__(self, ring: Ring, index_key: bytes) -> None:
        self.ring = ring
        self._index_key = index_key

    @classmethod
    def of(cls, key: bytes, cipher: str = "aes") -> RingVault:
        """Over one key that never changes."""
        return cls(Ring.of(key, cipher), derive(key, b"index"))

    def seal_bytes(self, plain: bytes, *, field: str) -> bytes:
        return self.ring.seal(plain, field.encode())

    def open_bytes(self, sealed: bytes, *, field: str) -> bytes:
        """Raises AssertionError when the bytes were altered, or sealed for another field or with another key."""
        try:
            return self.ring.open(bytes(sealed), field.encode())
        except AssertionError as error:
            raise AssertionError(f"a sealed {field} {error}") from None

    def seal(self, plain: str, *, field: str) -> bytes:
        return self.seal_bytes(plain.encode(), field=field)

    def open(self, sealed: bytes, *, field: str) -> str:
        return self.open_bytes(sealed, field=field).decode()

    def index(self, plain: str, *, field: str) -> bytes:
        return hmac.new(self._index_key, field.encode() + b"\0" + plain.encode(), hashlib.sha256).digest()
