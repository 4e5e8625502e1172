"""Keys of this installation: made at the first start, kept outside the database, readable by the owner only."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

KEY_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """`field`: personal data in SQL; `evidence`: pictures; `ticket`: tickets and tokens."""

    field: bytes
    evidence: bytes
    ticket: bytes


def load_secrets(data_dir: Path) -> Secrets:
    """Read the keys, making those that are missing; several processes may race, one key wins.

    Raises OSError when the folder cannot be written.
    """
    folder = data_dir / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Secrets(
        field=_key(folder / "field.key"), evidence=_key(folder / "evidence.key"), ticket=_key(folder / "ticket.key")
    )


def _key(path: Path) -> bytes:
    if not path.exists():
        # A link either makes the whole file appear or fails because another process was first.
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, secrets.token_bytes(KEY_BYTES))
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    key = path.read_bytes()
    assert len(key) == KEY_BYTES, f"{path} is not a key of this product"
    return key
