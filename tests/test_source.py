"""The house's own rules about its source: sizes, imports without side effects, nothing of a machine in it."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
# Generated once by the migration tool: one function creates every table.
EXEMPT = {"0001_first_schema.py"}
PACKAGES = ("proctor", "web")


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if path.name not in EXEMPT]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name]


def test_modules_are_short() -> None:
    counts = {path.name: len(path.read_text().splitlines()) for path in sources(*PACKAGES)}
    assert {name: lines for name, lines in counts.items() if lines > MODULE_LINES_MAX} == {}


def test_functions_are_short() -> None:
    long = []
    for path in sources(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long.append((path.name, node.name, lines))
    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path) for path in sources(*PACKAGES, "tests") if path.stat().st_size and not _doc(path)]
    assert silent == []


def _doc(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_opens_nothing(package: str, monkeypatch, tmp_path) -> None:
    """No file, socket or thread at import: a fresh interpreter imports everything in an empty folder."""
    names = [m.name for m in pkgutil.walk_packages([str(ROOT / package)], f"{package}.")]
    names = [name for name in names if not name.endswith(("__main__", ".env")) and ".versions." not in name]
    code = (
        "import importlib, threading, os\n"
        f"[importlib.import_module(name) for name in {names!r}]\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert os.listdir('.') == [], os.listdir('.')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]


ALONE = """
import importlib, os, sys, traceback
names = sys.argv[1:]
# Only libraries of others come before the fork: they cost seconds and say nothing about our modules.
for library in ("aiohttp.web", "alembic", "jinja2", "msgspec", "picows", "prometheus_client", "redis.asyncio",
                "sqlalchemy.ext.asyncio", "structlog", "typer", "rich", "numpy"):
    importlib.import_module(library)
assert not [name for name in sys.modules if name.split(".")[0] in ("proctor", "web")]
for name in names:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.stderr.write(f"{name} does not import alone\\n")
        sys.exit(1)
"""


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_imports_alone(package: str, tmp_path) -> None:
    """As the first of ours in its process: no module leans on what another one happened to import before it."""
    names = [m.name for m in pkgutil.walk_packages([str(ROOT / package)], f"{package}.")]
    names = [name for name in names if not name.endswith(("__main__", ".env")) and ".versions." not in name]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *names], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]


def test_nothing_of_a_machine_is_in_the_project() -> None:
    """No absolute path of somebody's disk, no key, no identity number of a living person."""
    places, keys = rb"/(?:home|root|work|Users)/[a-z]", rb"BEGIN (?:RSA |EC )?PRIVATE KEY"
    wrong = re.compile(places + b"|" + keys + rb"|\b\d{6}(?:19|20)\d{9}[\dX]\b")
    found = []
    for path in tracked():
        if path.suffix in (".png", ".jpg") or path == Path(__file__):
            continue
        hit = wrong.search(path.read_bytes())
        if hit:
            found.append((str(path.relative_to(ROOT)), hit.group().decode(errors="replace")))
    assert found == []


def test_nothing_unfinished_is_left() -> None:
    wrong = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    kept = set(tracked())
    left = [str(p) for p in sources(*PACKAGES, "bench") if p in kept and wrong.search(p.read_text())]
    assert left == []


def test_settings_are_all_read_somewhere() -> None:
    from dataclasses import fields

    settings = importlib.import_module("proctor.settings").Settings
    text = "\n".join(path.read_text() for path in sources(*PACKAGES))
    unread = [item.name for item in fields(settings) if len(re.findall(rf"\b{item.name}\b", text)) < 2]
    assert unread == []
