"""The versions of the master key: the newest one in use seals, every older one still opens what it sealed.

AES-256-GCM by default, SM4-GCM where the linked OpenSSL offers it; the version byte in front of everything sealed
says which key it was, and the key says which cipher, so both may change while everything runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

NONCE_BYTES, TAG_BYTES, KEY_BYTES = 12, 16, 32
VERSION_MAX = 255
CIPHERS = ("aes", "sm4")
CIPHER_NAMES = {"aes": "AES-256-GCM", "sm4": "SM4-GCM"}


class Aead(Protocol):
    """Raises InvalidTag or ValueError when the bytes were altered, or another key or context sealed them."""

    def encrypt(self, nonce: bytes, data: bytes, associated: bytes) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated: bytes) -> bytes: ...


class _Sm4Gcm:
    """SM4 has no ready-made AEAD in `cryptography`: block cipher and mode are put together here."""

    def __init__(self, key: bytes) -> None:
        self._cipher = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated: bytes) -> bytes:
        made = Cipher(self._cipher, modes.GCM(nonce)).encryptor()
        made.authenticate_additional_data(associated)
        return made.update(data) + made.finalize() + made.tag

    def decrypt(self, nonce: bytes, data: bytes, associated: bytes) -> bytes:
        if len(data) < TAG_BYTES:
            raise ValueError("cut off within the tag")
        body, tag = data[:-TAG_BYTES], data[-TAG_BYTES:]
        made = Cipher(self._cipher, modes.GCM(nonce, tag)).decryptor()
        made.authenticate_additional_data(associated)
        return made.update(body) + made.finalize()


def sm4_offered() -> bool:
    """Whether this OpenSSL has SM4 in GCM; those built for FIPS have not."""
    try:
        _Sm4Gcm(bytes(16)).encrypt(bytes(NONCE_BYTES), b"", b"")
    except UnsupportedAlgorithm:
        return False
    return True


def aead(cipher: str, key: bytes, purpose: bytes) -> Aead:
    """The cipher over a key derived from `key` for one purpose; SM4 takes 16 bytes of it, AES 32."""
    assert cipher in CIPHERS and len(key) == KEY_BYTES
    return _Sm4Gcm(derive(key, purpose, 16)) if cipher == "sm4" else AESGCM(derive(key, purpose))


def derive(key: bytes, purpose: bytes, length: int = KEY_BYTES) -> bytes:
    return HKDFExpand(SHA256(), length, b"zhenxue:" + purpose).derive(key)


class MasterKey(NamedTuple):
    cipher: str
    data: bytes

    def __repr__(self) -> str:
        return f"MasterKey({self.cipher})"


class Keys(NamedTuple):
    """All versions that can be read; `current` seals."""

    versions: Mapping[int, MasterKey]
    current: int


class Ring:
    """`load` reads the keys anew; it is called at first, by `refresh`, and when an unknown version is met."""

    def __init__(self, load: Callable[[], Keys]) -> None:
        self._load = load
        self._ciphers: dict[int, Aead] = {}
        self.refresh()

    @classmethod
    def of(cls, key: bytes, cipher: str = "aes") -> Ring:
        """One key that never changes."""
        return cls(lambda: Keys({1: MasterKey(cipher, key)}, 1))

    def refresh(self) -> None:
        """Learn of versions that were made, put to use or destroyed meanwhile. May block: call it in a thread."""
        self.keys = self._load()
        assert self.keys.current in self.keys.versions
        ciphers = dict(self._ciphers)
        for version, key in self.keys.versions.items():
            if version not in ciphers:
                ciphers[version] = aead(key.cipher, key.data, b"seal")
        self._ciphers = {version: made for version, made in ciphers.items() if version in self.keys.versions}

    @property
    def current(self) -> int:
        return self.keys.current

    @property
    def cipher(self) -> str:
        """Of the version in use."""
        return self.keys.versions[self.keys.current].cipher

    def seal(self, plain: bytes, context: bytes) -> bytes:
        version, nonce = bytes([self.keys.current]), os.urandom(NONCE_BYTES)
        return version + nonce + self._ciphers[version[0]].encrypt(nonce, plain, version + context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Raises AssertionError when the bytes were altered, or sealed in another context or with another key."""
        version = sealed[:1]
        if version and version[0] not in self._ciphers:
            self.refresh()  # another process may have put a new key to use a moment ago
        assert version and version[0] in self._ciphers, "sealed with an unknown key version"
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._ciphers[version[0]].decrypt(nonce, body, version + context)
        except (InvalidTag, ValueError):  # ValueError: cut off within nonce or tag
            raise AssertionError("does not open: altered, or another key") from None


def version_of(sealed: bytes) -> int:
    """The key version that sealed these bytes."""
    return sealed[0]
