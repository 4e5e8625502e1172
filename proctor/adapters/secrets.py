"""Keys of this installation: made at the first start, kept outside the database, readable by the owner only.

`master.<version>.<cipher>.key` seals personal data; `.next` instead of `.key` can be read with and is not in use yet.
With a KMS command the files hold what the KMS wrapped, and no key lies on the disk in clear.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from proctor.adapters.keyring import CIPHERS, KEY_BYTES, VERSION_MAX, Keys, MasterKey, Ring, derive, sm4_offered
from proctor.adapters.vault import RingVault
from proctor.errors import Unavailable

WRAPPED = b"zhenxue-wrapped\n"
KMS_S = 20.0
KEYS_EVERY_S = 5.0  # how often a running process looks for new versions
MASTER = re.compile(r"master\.(\d{1,3})\.(aes|sm4)\.(key|next)")


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """`master` and `index`: personal data in SQL; `ticket`: tickets and tokens; `sign`: deletion certificates."""

    master: Ring
    index: bytes
    ticket: bytes
    sign: bytes

    @property
    def vault(self) -> RingVault:
        return RingVault(self.master, self.index)


def load_secrets(data_dir: Path, *, kms: str = "", cipher: str = "aes") -> Secrets:
    """Read the keys, making those that are missing; several processes may race, one key wins.

    `kms`: a command that is given `wrap` or `unwrap`, reads a key on its input and answers on its output.
    Raises OSError when the folder cannot be written, Unavailable("kms") when the command fails.
    """
    store = KeyStore(data_dir, kms=kms)
    old = store.folder / "field.key"
    if old.exists():
        os.replace(old, store.folder / "master.1.aes.key")  # its name before it had versions
    if not store.versions():
        store.make_master(1, cipher, "key")
    ring = Ring(store.masters)
    first = ring.keys.versions[min(ring.keys.versions)].data
    return Secrets(
        master=ring, index=store.key("index.key", made=derive(first, b"index")), ticket=store.key("ticket.key"),
        sign=store.key("sign.key"),
    )  # fmt: skip


class KeyStore:
    """The folder of key files. A file is written once and never changed; what was read is not asked for again."""

    def __init__(self, data_dir: Path, *, kms: str = "") -> None:
        self.folder = data_dir / "secrets"
        self._kms = shlex.split(kms)
        self._read: dict[bytes, bytes] = {}
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def key(self, name: str, *, made: bytes = b"") -> bytes:
        """The 32 bytes of this key; when there is no such file, `made` or fresh ones are stored first."""
        path = self.folder / name
        if not path.exists():
            self._write(path, made or secrets.token_bytes(KEY_BYTES))
        return self._known(path)

    def _known(self, path: Path) -> bytes:
        plain = self._plain(path)
        assert len(plain) == KEY_BYTES, f"{path} is not a key of this product"
        return plain

    def _plain(self, path: Path) -> bytes:
        stored = path.read_bytes()
        if stored not in self._read:
            wrapped = stored.startswith(WRAPPED)
            # A key in clear beside a KMS would make it pointless, and nobody would notice.
            assert wrapped or not self._kms, f"{path.name} lies in clear: run `proctor keys protect`"
            self._read[stored] = self._ask("unwrap", stored.removeprefix(WRAPPED)) if wrapped else stored
        return self._read[stored]

    def _ask(self, what: str, data: bytes) -> bytes:
        if not self._kms:
            raise Unavailable("kms", "the keys are wrapped and the setting kms_command is empty")
        try:
            done = subprocess.run([*self._kms, what], input=data, capture_output=True, timeout=KMS_S, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise Unavailable("kms", type(error).__name__) from None
        return done.stdout

    def _write(self, path: Path, plain: bytes) -> None:
        """A link either makes the whole file appear or fails because another process was first."""
        data = WRAPPED + self._ask("wrap", plain) if self._kms else plain
        temporary = _written(path, data)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()

    def protect(self) -> list[str]:
        """Have the KMS wrap every key that lies in clear; returns their names."""
        done = []
        for path in sorted(self.folder.glob("*.key")) + sorted(self.folder.glob("*.next")):
            plain = path.read_bytes()
            if not plain.startswith(WRAPPED):
                os.replace(_written(path, WRAPPED + self._ask("wrap", plain)), path)
                done.append(path.name)
        return done

    # The master key's versions.

    def versions(self) -> dict[int, tuple[str, str]]:
        """Cipher and state (key, next) by version."""
        found = {}
        for path in self.folder.iterdir():
            if match := MASTER.fullmatch(path.name):
                found[int(match[1])] = (match[2], match[3])
        return found

    def masters(self) -> Keys:
        while True:
            found = self.versions()
            try:
                keys = {
                    version: MasterKey(cipher, self._known(self.folder / f"master.{version}.{cipher}.{state}"))
                    for version, (cipher, state) in found.items()
                }
            except FileNotFoundError:
                continue  # put to use or destroyed between the two looks
            return Keys(keys, max(version for version, (_cipher, state) in found.items() if state == "key"))

    def make_master(self, version: int, cipher: str, state: str) -> None:
        assert cipher in CIPHERS and 1 <= version <= VERSION_MAX, "255 versions of a key are enough for a lifetime"
        assert cipher != "sm4" or sm4_offered(), "SM4 is not offered by the OpenSSL of this machine"
        self.key(f"master.{version}.{cipher}.{state}")

    def use(self, version: int) -> None:
        """From now on this version seals."""
        cipher, _state = self.versions()[version]
        path = self.folder / f"master.{version}.{cipher}.next"
        path.rename(path.with_suffix(".key"))

    def destroy(self, version: int) -> None:
        cipher, state = self.versions()[version]
        path = self.folder / f"master.{version}.{cipher}.{state}"
        # Overwritten first, for what it is worth: a disk may keep old blocks, a wrapped key is safe anyway.
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()


def _written(path: Path, data: bytes) -> Path:
    """A temporary file beside `path` with these bytes."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return temporary
