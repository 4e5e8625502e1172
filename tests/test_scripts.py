"""`./scripts/run` on a machine that lacks something: one sentence that says what to do, and no trace."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("cat", "cksum", "dirname", "printf", "rm", "sed", "sh")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts in a folder of their own, with a PATH that holds nothing but what every system has."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ("setup.cfg", "requirements.lock", "package.json", "package-lock.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (tmp_path / "bin" / name).symlink_to(found)
    return tmp_path


def command(checkout: Path, name: str, script: str) -> None:
    path = checkout / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def run(checkout: Path, script: str = "run") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / script], cwd=checkout, env={"PATH": str(checkout / "bin")}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip


def test_without_python_it_says_what_to_install(checkout: Path) -> None:
    done = run(checkout)
    assert done.returncode != 0
    assert done.stderr == "Python 3.11 or newer is needed. On Debian or Ubuntu: apt install python3 python3-venv\n"


def test_an_old_python_is_passed_over(checkout: Path) -> None:
    command(checkout, "python3", "exit 1")
    assert "Python 3.11 or newer is needed" in run(checkout).stderr


def test_without_venv_it_says_so_and_leaves_nothing_half_made(checkout: Path) -> None:
    """Debian's python3 has a venv module that cannot work: ensurepip comes with python3-venv."""
    command(checkout, "python3", 'case "$*" in *ensurepip*) exit 1;; esac; exit 0')
    done = run(checkout)
    assert done.returncode != 0
    assert done.stderr == "python3-venv is missing. On Debian or Ubuntu: apt install python3-venv\n"
    assert not (checkout / ".venv").exists()


def test_a_folder_that_cannot_be_written_is_not_blamed_on_a_package(checkout: Path) -> None:
    refuse = 'case "$*" in *"-m venv"*) echo "Error: [Errno 13] Permission denied" >&2; exit 1;; esac'
    command(checkout, "python3", refuse)
    done = run(checkout)
    assert done.returncode != 0 and "Permission denied" in done.stderr and "apt" not in done.stderr


def test_without_a_network_it_says_so_and_goes_on_at_the_next_run(checkout: Path) -> None:
    """The real interpreter makes a real environment; only the registries are away."""
    command(checkout, "python3", f'exec {sys.executable} "$@"')
    env = {"PATH": str(checkout / "bin"), "PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "0"}
    env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    done = subprocess.run(
        [checkout / "scripts" / "run"], cwd=checkout, env=env, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    assert done.returncode != 0 and "Is the network to the package registries there?" in done.stderr
    assert "Installing (progress below" in done.stdout
    assert not list((checkout / ".venv").glob(".installed*")), "the next run installs again"


def test_the_test_script_names_missing_packages_where_it_may_not_install(checkout: Path) -> None:
    command(checkout, "id", "echo 1000")
    done = run(checkout, "test")
    assert done.returncode != 0
    assert done.stderr.startswith("Please install these packages, then run this again:")
    assert "chromium" in done.stderr and "python3-venv" in done.stderr


def test_every_script_is_plain_sh() -> None:
    for path in sorted((ROOT / "scripts").iterdir()):
        if path.suffix in ("", ".sh") and path.is_file():
            done = subprocess.run(["sh", "-n", str(path)], capture_output=True, text=True, check=False)
            assert done.returncode == 0, (path, done.stderr)
