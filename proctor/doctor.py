"""A look at one installation: folders, keys, SQL, Redis, models, audit, disk. Changes nothing."""

from __future__ import annotations

import resource
import shutil
import sys

import msgspec

from proctor import compose
from proctor.errors import Unavailable
from proctor.faces.judge import Judge
from proctor.live.turns import workers_wanted
from proctor.modules.audit.service import verify
from proctor.settings import Settings

DISK_BYTES_MIN = 2_000_000_000
FILES_MIN = 4_096
DEAD_SHOWN = 5


class Finding(msgspec.Struct, frozen=True):
    fine: bool
    what: str
    words: str


async def examine(settings: Settings) -> list[Finding]:
    """All findings, good ones too: an operator wants to see what was looked at."""
    found = [_python(), _files(), _disk(settings), _keys(settings), _models(settings)]
    found.append(await _sql(settings))
    found.append(await _redis(settings))
    if found[-1].fine:
        found.append(await _jobs(settings))
    return found


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(sys.version_info >= (3, 11), "Python", version)


def _files() -> Finding:
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Finding(soft >= FILES_MIN, "open files", f"{soft} a process")


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir if settings.data_dir.exists() else settings.data_dir.parent
    if not folder.exists():
        return Finding(False, "data folder", f"{settings.data_dir} does not exist")
    free = shutil.disk_usage(folder).free
    return Finding(free >= DISK_BYTES_MIN, "disk", f"{free / 1e9:.1f} GB free")


def _keys(settings: Settings) -> Finding:
    folder = settings.data_dir / "secrets"
    if not folder.is_dir():
        return Finding(False, "keys", "none yet; the first start makes them")
    wide = [path.name for path in folder.glob("*.key") if path.stat().st_mode & 0o077]
    return Finding(not wide, "keys", f"readable by others: {', '.join(wide)}" if wide else "private")


def _models(settings: Settings) -> Finding:
    try:
        judge = Judge.load(settings)
    except Unavailable as gone:
        return Finding(False, "face models", str(gone))
    return Finding(True, "face models", f"{judge.model} in {judge.precision}, present and unaltered")


async def _sql(settings: Settings) -> Finding:
    try:
        async with compose.database(settings) as db, db.read() as conn:
            broken = await verify(conn)
    except Unavailable as gone:
        return Finding(False, "SQL", str(gone))
    if broken is not None:
        return Finding(False, "SQL", f"the audit chain breaks at row {broken}: somebody changed it")
    return Finding(True, "SQL", "answers; the audit chain is whole")


async def _redis(settings: Settings) -> Finding:
    try:
        await compose.wait_redis(settings, 2.0)
    except Unavailable as gone:
        return Finding(False, "Redis", f"{gone} (the embedded one answers only while `proctor up` runs)")
    return Finding(True, "Redis", "answers")


async def _jobs(settings: Settings) -> Finding:
    """Bursts that no worker could judge cost nobody anything; they are a riddle that people should look at."""
    try:
        async with compose.jobs(settings) as jobs:
            now, dead = await jobs.backlog(), await jobs.dead(DEAD_SHOWN)
    except Unavailable as gone:
        return Finding(False, "face jobs", str(gone))
    words = f"{now.waiting} waiting, {now.workers} workers, {workers_wanted(now)} wanted"
    if now.dead:
        newest = ", ".join(sorted({one.why for one in dead}))
        checks = ", ".join(one.job.check_id for one in dead if one.job is not None)
        words += f"; {now.dead} could not be judged within a week ({newest}), the newest of checks {checks}"
    elif now.waiting and not now.workers:
        words += "; nobody judges them"
    return Finding(not now.dead and bool(now.workers or not now.waiting), "face jobs", words)
