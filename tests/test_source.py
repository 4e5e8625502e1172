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
