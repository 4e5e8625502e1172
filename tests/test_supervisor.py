"""Keeping processes alive: order, last words, back-off, and an end in time."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from proctor import supervisor
from proctor.supervisor import Child, StartFailed, Supervisor


def child(tmp_path: Path, name: str, script: str) -> Child:
    command = ["/bin/sh", "-c", script]
    return Child(name=name, command=command, env=dict(os.environ), log_path=tmp_path / "logs" / f"{name}.log")


async def never() -> bool:
    return False


async def test_a_child_that_dies_at_the_start_is_quoted_by_its_last_line(tmp_path: Path) -> None:
    boss = Supervisor()
    await boss.start(child(tmp_path, "web", "echo first; echo 'the port is taken' >&2; exit 3"))
    with pytest.raises(StartFailed, match="^web ended during start-up: the port is taken$"):
        await boss.up(never, 5)


async def test_a_start_that_takes_too_long_says_where_to_look(tmp_path: Path) -> None:
    boss = Supervisor()
    await boss.start(child(tmp_path, "web", "exec sleep 60"))
    with pytest.raises(StartFailed, match=f"not ready within 0 s; the logs are in {tmp_path / 'logs'}"):
        await boss.up(never, 0.3)
    await boss.stop_all()


async def test_one_that_dies_is_started_again_and_waits_longer_each_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_S", (0.05, 0.2, 0.4, 0.8, 1.6))
    boss, stop = Supervisor(), asyncio.Event()
    starts = tmp_path / "starts"
    script = f"date +%s%N >> {starts}; [ $(wc -l < {starts}) -ge 4 ] && exec sleep 60; exit 1"
    await boss.start(child(tmp_path, "faces", script))
    watching = asyncio.create_task(boss.watch(stop))
    while not starts.exists() or len(starts.read_text().split()) < 4:
        await asyncio.sleep(0.02)
    stop.set()
    await watching
    await boss.stop_all()
    times = [int(text) / 1e9 for text in starts.read_text().split()]
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    assert gaps[0] >= 0.05 and gaps[1] >= 0.2 and gaps[2] >= 0.4, gaps


async def test_five_deaths_in_a_minute_end_the_run_with_the_last_words(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_S", (0.0,))
    boss = Supervisor()
    await boss.start(child(tmp_path, "faces", "echo the models are missing; exit 1"))
    with pytest.raises(StartFailed, match="died 5 times in a minute: the models are missing"):
        await asyncio.wait_for(boss.watch(asyncio.Event()), 20)


async def test_deaths_that_lie_far_apart_end_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_S", (0.0,))
    monkeypatch.setattr(supervisor, "DEATHS_WITHIN_S", 0.0)
    boss, stop = Supervisor(), asyncio.Event()
    await boss.start(child(tmp_path, "faces", f"echo x >> {tmp_path / 'starts'}; exit 1"))
    watching = asyncio.create_task(boss.watch(stop))
    while not (tmp_path / "starts").exists() or len((tmp_path / "starts").read_text().split()) < 8:
        await asyncio.sleep(0.02)
    stop.set()
    await watching
    await boss.stop_all()


async def test_the_store_goes_last_and_one_that_will_not_go_is_killed_in_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_S", 1.0)
    boss, log = Supervisor(), tmp_path / "order"
    obeys = "trap 'sleep 0.1; echo {0} >> {1}; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    for name in ("valkey", "gateway", "web"):
        await boss.start(child(tmp_path, name, obeys.format(name, log)))
    await boss.start(child(tmp_path, "deaf", "trap '' TERM; echo up; while :; do sleep 0.05; done"))
    while not all("up" in one.log_path.read_text() for one in boss.children):
        await asyncio.sleep(0.02)
    started = time.monotonic()
    await boss.stop_all()
    assert time.monotonic() - started < 3
    assert log.read_text().split()[-1] == "valkey" and len(log.read_text().split()) == 3
    assert all(one.process is not None and one.process.returncode is not None for one in boss.children)


def test_a_log_below_the_bound_stays_and_one_at_the_bound_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    supervisor.rotate(log, 10)
    assert not log.exists()
    log.write_text("123456789")
    supervisor.rotate(log, 10)
    assert log.read_text() == "123456789" and not (tmp_path / "web.log.1").exists()
    for text in ("the first ten", "the second ten"):
        log.write_text(text)
        supervisor.rotate(log, 10)
        assert log.read_text() == "" and (tmp_path / "web.log.1").read_text() == text
    assert (tmp_path / "web.log.1").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web.log", "web.log.1"]


async def test_logs_are_bounded_while_a_child_writes_on(tmp_path: Path, monkeypatch) -> None:
    """The child has its log open all the time: after the cut its lines go on at the beginning of the file."""
    monkeypatch.setattr(supervisor, "ROTATE_EVERY_S", 0.05)
    boss, stop = Supervisor(log_bytes_max=2_000), asyncio.Event()
    writer = child(tmp_path, "web", "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.001; done")
    await boss.start(writer)
    watching = asyncio.create_task(boss.watch(stop))
    older = writer.log_path.with_name("web.log.1")
    deadline = time.monotonic() + 10
    while not (older.exists() and int(older.read_text().split()[-1]) > 1_000):
        assert time.monotonic() < deadline, "the log is never put aside"
        await asyncio.sleep(0.02)
    assert writer.log_path.stat().st_size < 20_000 and b"\0" not in writer.log_path.read_bytes()
    stop.set()
    await watching
    await boss.stop_all()


def test_a_log_that_cannot_be_put_aside_is_cut_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("0123456789")
    (tmp_path / "web.log.1").mkdir()
    (tmp_path / "web.log.1" / "in the way").touch()
    supervisor.rotate(log, 10)
    assert log.read_text() == "" and not (tmp_path / "web.log.new").exists()
