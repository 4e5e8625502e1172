"""Children that are forked: what they get, how their end is told, and that none outlives whoever asked for it.

Each story is a process of its own: a fork server is opened before any loop or thread, and a test runner has both.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from proctor.forkserver import spawn_fork_server
from tests.stack import ROOT

STORY = r"""
import asyncio, os, resource, signal, sys, time
from pathlib import Path

from proctor.forkserver import ForkFailed, open_fork_server


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def well() -> int:
    print(os.environ["WORD"], os.fsencode(os.environ["OURS"]), os.getsid(0) == os.getpid())
    return 7


def ill() -> int:
    raise RuntimeError("the roof leaks")


def slow() -> int:
    signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), os._exit(3)))
    print("begun")
    time.sleep(60)
    return 0


def late() -> int:
    Path("pid").write_text(str(os.getpid()))
    return long()


def long() -> int:
    print("begun")
    time.sleep(60)
    return 0


async def main(server) -> None:
    async def start(function: str):
        word = os.fsdecode(b"hell\xc3\xb3")
        child = server.fork(function, f"story:{function}", {"WORD": word}, Path(f"{function}.log"))
        await child.started()
        return child

    async def begun(function: str = "long"):
        log = Path(f"{function}.log")
        log.unlink(missing_ok=True)
        child = await start(function)
        while not log.exists() or not log.read_text():
            await asyncio.sleep(0.01)
        return child

"""


def tell(folder: Path, body: str, wait_s: float = 20, quiet: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the body of `main` above, in which `start(function)` and `begun()` start children."""
    story = STORY + textwrap.indent(textwrap.dedent(body), "    ") + "\n\n"
    story += 'if __name__ == "__main__":\n    asyncio.run(main(open_fork_server(["story"])))\n'
    (folder / "story.py").write_text(story)
    done = subprocess.run(
        [sys.executable, "story.py"], cwd=folder, capture_output=True, text=True, timeout=wait_s, check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{folder}", "OURS": os.fsdecode(b"caf\xe9")},
    )  # fmt: skip
    assert not (quiet and done.stderr), done.stderr
    return done


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not Path(f"/proc/{pid}").exists()


def test_a_child_has_its_environment_and_log_and_its_end_is_told(tmp_path: Path) -> None:
    (tmp_path / "well.log").write_text("earlier\n")
    done = tell(tmp_path, 'print(await (await start("well")).wait(), os.environ.get("WORD"))')
    assert done.stdout == "7 None\n"
    said = (tmp_path / "well.log").read_text()
    assert said == "earlier\nhelló b'caf\\xe9' True\n", "its own words only, at the end"


def test_a_bug_is_a_trace_in_its_log_and_an_entry_that_is_not_there_too(tmp_path: Path) -> None:
    done = tell(tmp_path, 'print(await (await start("ill")).wait(), await (await start("nobody")).wait())')
    assert done.stdout == "1 1\n"
    assert (tmp_path / "ill.log").read_text().endswith("RuntimeError: the roof leaks\n")
    assert "nobody" in (tmp_path / "nobody.log").read_text().splitlines()[-1]


def test_a_signal_reaches_the_child_and_a_second_start_has_its_name(tmp_path: Path) -> None:
    body = """
        first = await begun()
        first.send_signal(signal.SIGKILL)
        print(await first.wait())
        first.send_signal(signal.SIGKILL)  # to nobody
        second = await begun()
        print(second.pid != first.pid, second.returncode, first.returncode)
        print(Path(f"/proc/{second.pid}/cmdline").read_text().strip(chr(0)))
        second.send_signal(signal.SIGTERM)
        print(await second.wait())
    """
    assert tell(tmp_path, body).stdout == "-9\nTrue None -9\nzhenxue long\n-15\n"


def test_children_end_with_a_fork_server_that_is_killed_and_nobody_is_started_any_more(tmp_path: Path) -> None:
    body = """
        child = await begun("slow")
        os.kill(server.pid, signal.SIGKILL)
        print(await child.wait(), lives(child.pid))
        try:
            await start("well")
        except ForkFailed as error:
            print(error)
    """
    first, said = tell(tmp_path, body).stdout.splitlines()
    assert first == "-15 False", "its end is told when it has ended, not when it was asked to"
    assert said == "well cannot be started any more: the process that starts children has ended"


def test_whoever_closes_it_or_is_killed_leaves_no_child(tmp_path: Path) -> None:
    body = """
        child = await begun()
        server.close()
        print(child.pid, server.pid)
    """
    assert all(gone(int(pid)) for pid in tell(tmp_path, body).stdout.split())
    body = """
        print((await begun()).pid, server.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = tell(tmp_path, body)
    assert done.returncode == -signal.SIGKILL
    assert all(gone(int(pid)) for pid in done.stdout.split())


def test_a_start_that_is_given_up_leaves_no_child(tmp_path: Path) -> None:
    """Ctrl-C in the instant between asking for a child and hearing of it left one that nobody knew."""
    body = """
        child = server.fork("long", "story:long", {}, Path("long.log"))
        child.send_signal(signal.SIGTERM)
        print(await child.wait())
        late = server.fork("late", "story:late", {}, Path("late.log"))
        server.close()
        await asyncio.sleep(0.5)
        pid = Path("pid").exists() and Path("pid").read_text()  # it may have ended before it wrote that
        print(bool(pid) and lives(int(pid)))
    """
    assert tell(tmp_path, body).stdout == "-15\nFalse\n"


def test_where_no_process_can_be_made_the_others_live_and_a_later_start_goes_well(tmp_path: Path) -> None:
    body = """
        first = await begun()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, hard))
        second = server.fork("well", "story:well", {"WORD": "hello"}, Path("well.log"))
        print(await second.wait(), lives(first.pid))
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (100, hard))
        print(await (await start("well")).wait())
        first.kill()
        print(await first.wait())
    """
    # The child itself may find no descriptor either, and say so before it is ended.
    assert tell(tmp_path, body, quiet=False).stdout == "1 True\n7\n-9\n"


def test_one_that_hangs_holds_up_nobody_s_end(tmp_path: Path) -> None:
    body = """
        child = await begun()
        os.kill(server.pid, signal.SIGSTOP)
        child.kill()
        server.close()
        print("closed")
    """
    assert tell(tmp_path, body, wait_s=10).stdout == "closed\n"


def five() -> int:
    return 5


async def test_where_threads_run_already_it_is_executed_and_serves_the_same(tmp_path: Path) -> None:
    server = spawn_fork_server(["tests.test_forkserver"])
    child = server.fork("five", "tests.test_forkserver:five", {}, tmp_path / "five.log")
    await child.started()
    assert await child.wait() == 5 and not (tmp_path / "five.log").read_text()
    server.close()
    assert gone(server.pid)


def test_settings_beyond_all_measure_are_a_sentence(tmp_path: Path) -> None:
    body = """
        try:
            server.fork("well", "story:well", {"WORD": "x" * 200_000}, Path("well.log"))
        except ForkFailed as error:
            print(error)
    """
    assert tell(tmp_path, body).stdout == "well cannot be started: its settings are longer than 128 KiB\n"
