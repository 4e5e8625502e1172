"""Keys of the installation: made once, private, and never half a key."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from proctor.adapters.secrets import KEY_BYTES, Secrets, load_secrets

NAMES = ["index.key", "master.1.aes.key", "sign.key", "ticket.key"]


def all_of(keys: Secrets) -> tuple[bytes, ...]:
    return keys.master.keys.versions[1].data, keys.index, keys.ticket, keys.sign


def test_keys_are_made_once_and_differ(tmp_path: Path) -> None:
    made, again = load_secrets(tmp_path), load_secrets(tmp_path)
    assert all_of(made) == all_of(again)
    assert len(set(all_of(made))) == 4 and all(len(key) == KEY_BYTES for key in all_of(made))


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    load_secrets(tmp_path)
    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == NAMES, "nothing temporary is left"
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_processes_that_race_agree_on_one_key(tmp_path: Path) -> None:
    found: list[Secrets] = []
    threads = [threading.Thread(target=lambda: found.append(load_secrets(tmp_path))) for _n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len({all_of(one) for one in found}) == 1


def test_a_file_that_is_no_key_is_not_used_and_keys_are_not_printed(tmp_path: Path) -> None:
    made = load_secrets(tmp_path)
    assert all(repr(key) not in repr(made) + repr(made.master.keys) for key in all_of(made))
    (tmp_path / "secrets" / "master.1.aes.key").write_bytes(b"short")
    with pytest.raises(AssertionError, match="not a key"):
        load_secrets(tmp_path)
