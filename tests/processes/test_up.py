"""`proctor up` as an operator meets it: sentences instead of traces, data that stays, a quick end."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proctor.demo import logins_of
from tests.client import Person
from tests.stack import ROOT, Stack, free_port
from tests.world import PASSWORD

pytestmark = pytest.mark.processes


def up(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "proctor.cli", "up", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, **(env or {})},
    )  # fmt: skip


def says_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode != 0
    said = done.stderr.strip()
    assert "Traceback" not in done.stdout + done.stderr
    assert len(said.splitlines()) <= 3, said
    for word in words:
        assert word in " ".join(said.split()), said


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        says_one_sentence(up("--data", str(tmp_path), "--port", str(port)), str(port), "--port")
        done = up("--data", str(tmp_path), "--port", str(free_port()), "--gateway-port", str(port))
        says_one_sentence(done, str(port), "--gateway-port")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    says_one_sentence(up("--data", str(blocked / "data"), "--port", str(free_port())), "--data")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--redis-url", "redis://127.0.0.1:1/0"], ["redis"]),
        (["--redis-url", "http://127.0.0.1:1/0"], ["redis://"]),
        (["--database-url", "postgresql+asyncpg://nobody@127.0.0.1:1/none"], ["sql"]),
        (["--database-url", "postgresql://nobody@127.0.0.1:1/none"], ["sql", "Connection refused"]),
        (["--database-url", "mysql://nobody:secret@127.0.0.1/none"], ["postgresql://"]),
        (["--database-url", "postgresql://nobody@127.0.0.1:port/none"], ["database_url"]),
        (["--tls", "missing.crt", "missing.key"], ["certificate"]),
        (["--tls", "only-one.crt"], ["--tls"]),
        (["--port", "99999999"], ["port"]),
        (["--port", "65535"], ["--gateway-port"]),
        (["--port", "18080", "--gateway-port", "65536"], ["--gateway-port"]),
        (["--port", "18080", "--gateway-port", "18080"], ["two ports"]),
    ],
)
def test_what_does_not_answer_or_fit_is_said(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    given = arguments if "--port" in arguments else [*arguments[:1], *arguments[1:], "--port", str(free_port())]
    done = up("--data", str(tmp_path), *given)
    assert done.returncode != 0 and "Traceback" not in done.stdout + done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert all(word in said for word in words), said
    assert "secret" not in said


def test_a_data_file_that_is_no_database_and_a_server_without_the_database_are_said(tmp_path: Path, postgres) -> None:
    (tmp_path / "zhenxue.sqlite3").write_bytes(b"this is a letter and no database " * 100)
    says_one_sentence(up("--data", str(tmp_path), "--port", str(free_port()), "--no-demo"), "not a database")
    missing = postgres.replace("/postgres?", "/nowhere?")
    done = up("--data", str(tmp_path / "pg"), "--port", str(free_port()), "--no-demo", "--database-url", missing)
    says_one_sentence(done, "nowhere", "does not exist")


def test_a_setting_that_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    says_one_sentence(up("--data", str(tmp_path), env={"ZHENXUE_GATEWAYS": "many"}), "gateways")
    says_one_sentence(up("--data", str(tmp_path), env={"ZHENXUE_POLICY": '{"beat_ms": 20000}'}), "policy")


def test_a_child_that_dies_at_the_start_ends_the_run_with_its_last_words(tmp_path: Path) -> None:
    done = up("--data", str(tmp_path), "--port", str(free_port()), "--no-demo", env={"ZHENXUE_LOG_LEVEL": "loud"})
    says_one_sentence(done, "log_level")


@pytest.mark.alone
async def test_a_second_start_keeps_the_data_is_quick_and_ctrl_c_ends_everything(tmp_path: Path) -> None:
    async with Stack(tmp_path / "data", copy=False, gateways=2) as stack:
        async with await stack.learner() as person:
            login = person.login
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "proctor.cli", "up", "--data", str(stack.data), "--port", str(free_port()),
            cwd=ROOT, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _out, said = await second.communicate()
        assert second.returncode != 0 and b"another run" in b" ".join(said.split())
        children = [pid for kind in ("gateway", "web", "faces", "valkey") for pid in stack.pids(kind)]
        assert len(children) == 5
        started = time.monotonic()
        stack.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(stack.process.wait(), 5) == 0
        assert time.monotonic() - started < 5
        assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    logins = await asyncio.to_thread(logins_of, tmp_path / "data")
    started = time.monotonic()
    async with Stack(tmp_path / "data", gateways=2) as again:
        assert time.monotonic() - started < 5
        assert await asyncio.to_thread(logins_of, again.data) == logins
        async with Person(again.url) as person:
            await person.sign_in(login, PASSWORD)


async def test_what_a_start_prints_is_english_and_names_pages_and_accounts(tmp_path: Path) -> None:
    async with Stack(tmp_path / "data", gateways=2) as stack:
        said, rows = await asyncio.to_thread(lambda: (stack.log(), logins_of(stack.data)))
    address = f"learners and reviewers    http://localhost:{stack.port}/"
    for words in (address, "--tls", "login", "password", "Ctrl-C stops"):
        assert words in said, words
    assert all(login in said and password in said for login, password in rows.items())
    # Words of the pages may stand behind the English ones, in brackets.
    assert not re.search(r"[\u4e00-\u9fff]", re.sub(r"\([\u4e00-\u9fff]+\)", "", said)), said


async def test_five_deaths_in_a_minute_end_the_run(tmp_path: Path) -> None:
    async with Stack(tmp_path / "data") as stack:
        for _death in range(5):
            while not (pids := stack.pids("faces")):
                await asyncio.sleep(0.1)
            os.kill(pids[0], signal.SIGKILL)
            for _wait in range(100):
                if pids[0] not in stack.pids("faces"):
                    break
                await asyncio.sleep(0.05)
        assert await asyncio.wait_for(stack.process.wait(), 20) != 0
        assert "5 times in a minute" in " ".join(stack.log().split())


async def test_ctrl_c_while_the_demonstration_is_drawn_ends_the_start_at_once(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proctor.cli", "up", "--data", str(tmp_path), "--port", str(free_port()),
        "--gateway-port", str(free_port()), cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    while b"demonstration" not in (line := await asyncio.wait_for(process.stdout.readline(), 20)):
        assert line, "the start ended before it drew anything"
    await asyncio.sleep(0.5)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    await asyncio.wait_for(process.communicate(), 5)
    assert process.returncode == 0 and time.monotonic() - started < 5
    assert not (tmp_path / "demo.json").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
async def test_no_child_outlives_its_supervisor(tmp_path: Path, number: signal.Signals) -> None:
    """A store that outlived a killed supervisor would share its folder with the one of the next start."""
    async with Stack(tmp_path / "data", options=("--no-demo",), copy=False, gateways=2) as stack:
        children = [pid for kind in ("gateway", "web", "faces", "valkey") for pid in stack.pids(kind)]
        assert len(children) == 5
        stack.process.send_signal(number)
        await asyncio.wait_for(stack.process.wait(), 5)
        deadline = time.monotonic() + 5
        while any(Path(f"/proc/{pid}").exists() for pid in children):
            assert time.monotonic() < deadline, "a child lives on"
            await asyncio.sleep(0.05)


async def test_a_killed_fork_server_ends_the_run_and_its_children_in_order(tmp_path: Path) -> None:
    async with Stack(tmp_path / "data", options=("--no-demo",), copy=False) as stack:
        children = [pid for kind in ("gateway", "web", "faces", "valkey") for pid in stack.pids(kind)]
        (server,) = stack.pids("forkserver")
        os.kill(server, signal.SIGKILL)
        assert await asyncio.wait_for(stack.process.wait(), 10) != 0
        assert "cannot be started any more" in " ".join(stack.log().split())
        deadline = time.monotonic() + 5  # until somebody has buried the orphans
        while any(Path(f"/proc/{pid}").exists() for pid in children):
            assert time.monotonic() < deadline, "a child lives on"
            await asyncio.sleep(0.05)


async def test_a_restarted_child_waits_longer_each_time(tmp_path: Path) -> None:
    async with Stack(tmp_path / "data", options=("--no-demo",), copy=False, gateways=2) as stack:
        waits = []
        for _death in range(3):
            (pid,) = stack.pids("faces")
            os.kill(pid, signal.SIGKILL)
            died = time.monotonic()
            while not (now := stack.pids("faces")) or now == [pid]:
                await asyncio.sleep(0.01)
            waits.append(time.monotonic() - died)
        assert waits[1] > 0.4 and waits[2] > 0.9, waits
        # The others did not notice.
        assert len(stack.pids("gateway")) == 2 and len(stack.pids("web")) == 1
