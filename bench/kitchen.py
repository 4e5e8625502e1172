"""Where the other stacks' packages live: an environment and a node folder of the bench's own, ignored by git.

Installed at the first run from the `bench` extra of setup.cfg and from `NODE_PACKAGES`; nothing else needs them.
"""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE / ".cache"
NODE_PACKAGES = ("ws@8", "ioredis@5")
NODE_VERSIONS = "const r=require;console.log(r('ws/package.json').version+' '+r('ioredis/package.json').version)"


def python() -> Path:
    return CACHE / "venv" / "bin" / "python"


def node_folder() -> Path:
    return CACHE / "node"


def requirements() -> list[str]:
    config = configparser.ConfigParser()
    config.read(HERE.parent / "setup.cfg", "utf-8")
    return config["options.extras_require"]["bench"].split()


def install() -> dict[str, str]:
    """Make what is missing; returns versions by package. Raises CalledProcessError when it cannot."""
    wanted = "\n".join((*requirements(), *NODE_PACKAGES))
    done = CACHE / "installed.txt"
    if not done.exists() or done.read_text("utf-8") != wanted:
        CACHE.mkdir(exist_ok=True)
        _run(sys.executable, "-m", "venv", str(CACHE / "venv"))
        _run(str(python()), "-m", "pip", "install", "--quiet", *requirements())
        node_folder().mkdir(exist_ok=True)
        _run("npm", "install", "--silent", "--no-save", "--prefix", str(node_folder()), *NODE_PACKAGES)
        done.write_text(wanted, "utf-8")
    return versions()


def versions() -> dict[str, str]:
    names = [name.split(">")[0].split("=")[0].split("[")[0] for name in requirements()]
    code = f"from importlib.metadata import version as v; print('\\n'.join(v(n) for n in {names!r}))"
    found = dict(zip(names, _run(str(python()), "-c", code).split(), strict=True))
    ws, ioredis = _run("node", "-e", NODE_VERSIONS, cwd=node_folder()).split()
    return found | {"node": _run("node", "--version").strip(), "ws": ws, "ioredis": ioredis}


def _run(*command: str, cwd: Path | None = None) -> str:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout
