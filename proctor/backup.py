"""Backup and restore of one installation: database, evidence and media in one file, keys in another.

Whoever has the first file alone can read nobody's name or face: keep the two apart. The learners' own keys are in the
second one only. Keep of these only the newest: it opens every older first file, and no face that was erased since.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

from proctor.adapters.sql_database import online_backup
from proctor.errors import Refused
from proctor.modules.privacy.tables import face_keys
from proctor.settings import Settings

FOLDERS = ("evidence", "media")
FILES = ("demo.json", "demo-host-key.txt")
# The local authority of --tls goes with the keys: phones that trust it need not install another after a restore.
KEYS = ("secrets", "tls")
# The learners' own keys travel with the keys, never with the database.
FACE_KEYS = "face_keys"
KEY_COLUMNS = tuple(column.name for column in face_keys.c)
FORMAT = 2
DATABASE = "database.sqlite3"
DUMP = "database.dump"


def backup(settings: Settings, target: Path) -> tuple[Path, Path]:
    """Write `target` and `target.keys`; the system may go on running. Returns both paths.

    Raises Refused: backup_exists, backup_nothing, backup_failed (with `reason`), and OSError.
    """
    keys = target.with_name(target.name + ".keys")
    for path in (target, keys):
        if path.exists():
            raise Refused("backup_exists", path=str(path))
    data = settings.data_dir
    if not (data / "secrets").is_dir() or not (settings.database_url or (data / "zhenxue.sqlite3").is_file()):
        raise Refused("backup_nothing", path=str(data))
    digests: dict[str, str] = {}
    with tempfile.TemporaryDirectory(dir=target.absolute().parent) as folder:
        whole = Path(folder) / "whole"
        with tarfile.open(whole, "w:gz", compresslevel=1) as archive:
            dump = _dump(settings, Path(folder))
            _add(archive, dump, dump.name, digests)
            # Pictures after the database: a row whose picture went meanwhile is better than the reverse.
            for name in FOLDERS:
                for path in sorted((data / name).rglob("*")) if (data / name).is_dir() else ():
                    if path.is_file():
                        _add(archive, path, path.relative_to(data).as_posix(), digests)
            for name in FILES:
                if (data / name).is_file():
                    _add(archive, data / name, name, digests)
            manifest = {"format": FORMAT, "made_ms": time.time_ns() // 1_000_000, "sha256": digests}
            text = json.dumps(manifest).encode()
            info = tarfile.TarInfo("manifest.json")
            info.size, info.mode = len(text), 0o600
            archive.addfile(info, io.BytesIO(text))
        sealed = Path(folder) / "keys"
        with tarfile.open(sealed, "w") as archive:
            archive.add(Path(folder) / FACE_KEYS, FACE_KEYS)
            for name in KEYS:
                if (data / name).is_dir():
                    archive.add(data / name, name)
        for made, path in ((whole, target), (sealed, keys)):
            made.chmod(0o600)
            os.replace(made, path)
    return target, keys


def _dump(settings: Settings, folder: Path) -> Path:
    """The database as one consistent file."""
    if settings.sqlalchemy_url.startswith("sqlite"):
        made = folder / DATABASE
        online_backup(settings.data_dir / "zhenxue.sqlite3", made)
        (folder / FACE_KEYS).write_text(json.dumps(_taken_out(made)))
        return made
    made, place = folder / DUMP, f"--dbname={_libpq(settings.sqlalchemy_url)}"
    _pg("pg_dump", "--format=custom", "--exclude-table-data=face_keys", f"--file={made}", place)
    _pg("pg_dump", "--format=custom", "--data-only", "--table=face_keys", f"--file={folder / FACE_KEYS}", place)
    return made


def _taken_out(path: Path) -> list[list]:
    """The learners' keys of a copied database, which holds none afterwards, not even in its free pages."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as conn:
        rows = conn.execute(f"SELECT {', '.join(KEY_COLUMNS)} FROM face_keys").fetchall()
        conn.execute("PRAGMA secure_delete = ON")
        conn.execute("DELETE FROM face_keys")
        conn.execute("VACUUM")
    return [[value.hex() if isinstance(value, bytes) else value for value in row] for row in rows]


def _put_in(path: Path, source: Path) -> None:
    place = KEY_COLUMNS.index("key_sealed")
    rows = [
        [bytes.fromhex(value) if at == place and value else value for at, value in enumerate(row)]
        for row in json.loads(source.read_text())
    ]
    with contextlib.closing(sqlite3.connect(path)) as conn, conn:
        marks = ", ".join("?" for _column in KEY_COLUMNS)
        conn.executemany(f"INSERT INTO face_keys ({', '.join(KEY_COLUMNS)}) VALUES ({marks})", rows)


def _libpq(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


def _pg(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=3_600, check=False)
    except FileNotFoundError:
        raise Refused("backup_failed", reason=f"{command[0]} is not installed") from None
    if done.returncode != 0:
        raise Refused("backup_failed", reason=done.stderr.strip().splitlines()[-1][:300] if done.stderr else "")


def _add(archive: tarfile.TarFile, path: Path, name: str, digests: dict[str, str]) -> None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return  # deleted by its timer while we were walking
    digests[name] = hashlib.sha256(data).hexdigest()
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(data), 0o600, int(time.time())
    archive.addfile(info, io.BytesIO(data))


def restore(settings: Settings, source: Path, keys: Path | None) -> int:
    """Bring a backup into an empty data folder; returns how many files. `keys` defaults to `source.keys`.

    Everything is checked against the manifest before anything is put in place.
    Raises Refused: restore_not_empty, restore_damaged (with `reason`), restore_no_keys, backup_failed.
    """
    data = settings.data_dir
    keys = keys or source.with_name(source.name + ".keys")
    if any((data / name).exists() for name in ("zhenxue.sqlite3", *KEYS)):
        raise Refused("restore_not_empty", path=str(data))
    if not keys.is_file():
        raise Refused("restore_no_keys", path=str(keys))
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data) as folder:
        fresh = Path(folder)
        count = _unpack(source, fresh)
        try:
            with tarfile.open(keys) as archive:
                archive.extractall(fresh, filter="data")
        except (tarfile.TarError, EOFError) as error:
            raise Refused("restore_damaged", reason=f"the key file: {error}") from None
        if (fresh / DUMP).exists() != bool(settings.database_url):
            kind = "SQLite: leave --database-url out" if settings.database_url else "PostgreSQL: give --database-url"
            raise Refused("backup_failed", reason=f"this backup is one of {kind}")
        if (fresh / DUMP).exists():
            # Nothing is dropped first: a database that holds something is refused whole, not written over.
            _pg("pg_restore", "--single-transaction", "--no-owner", "--no-privileges",
                f"--dbname={_libpq(settings.sqlalchemy_url)}", str(fresh / DUMP))  # fmt: skip
            if (fresh / FACE_KEYS).exists():
                _pg("pg_restore", "--single-transaction", "--data-only",
                    f"--dbname={_libpq(settings.sqlalchemy_url)}", str(fresh / FACE_KEYS))  # fmt: skip
        else:
            if (fresh / FACE_KEYS).exists():
                _put_in(fresh / DATABASE, fresh / FACE_KEYS)
            shutil.move(fresh / DATABASE, data / "zhenxue.sqlite3")
        for name in (*FOLDERS, *FILES, *KEYS):
            if (fresh / name).exists():
                shutil.move(fresh / name, data / name)
    for name in KEYS:
        if (data / name).exists():
            (data / name).chmod(0o700)
    return count


def _unpack(source: Path, folder: Path) -> int:
    try:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise Refused("restore_damaged", reason=str(error) or type(error).__name__) from None
    for name, digest in manifest["sha256"].items():
        path = folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise Refused("restore_damaged", reason=name)
    return len(manifest["sha256"])
