"""Third-party scripts from node_modules under versioned, immutable addresses; only what is listed here.

`/vendor/<name>@<version>/<path>`: versions come from package-lock.json and must equal what is installed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import brotli

from proctor.errors import Refused

# package -> which files of it may be served. Source maps never are.
ALLOWED = {
    "hls.js": re.compile(r"dist/hls(\.light)?(\.worker)?(\.min)?\.m?js"),
    "media-chrome": re.compile(r"dist/[A-Za-z0-9/_.-]+\.js"),
}
_KINDS = {".js": "text/javascript", ".mjs": "text/javascript"}
_FILE_BYTES_MAX = 2_000_000
_CACHE_FILES_MAX = 400


@dataclass(frozen=True, slots=True)
class Served:
    """One package as it is installed. `licence` is shown on the about page."""

    name: str
    version: str
    licence: str
    folder: Path

    @property
    def base(self) -> str:
        return f"/vendor/{self.name}@{self.version}"


class Vendor:
    """What is installed and may be served. A package whose version differs from the lock is not served."""

    def __init__(self, root: Path) -> None:
        self.packages: dict[str, Served] = {}
        self.problems: list[str] = []
        self._cache: dict[Path, tuple[bytes, bytes]] = {}
        locked = _locked(root)
        for name in ALLOWED:
            folder = root / "node_modules" / name
            try:
                about = json.loads((folder / "package.json").read_text("utf-8"))
            except (OSError, ValueError):
                self.problems.append(f"{name} is not installed")
                continue
            if locked.get(name, about["version"]) != about["version"]:
                self.problems.append(f"{name}: {about['version']} is installed, the lock says {locked[name]}")
                continue
            self.packages[name] = Served(name, about["version"], str(about.get("license", "")), folder)

    def base(self, name: str) -> str:
        """The address below which the player finds this package; "" when it is not installed."""
        served = self.packages.get(name)
        return served.base if served else ""

    def file(self, name: str, version: str, path: str) -> tuple[bytes, bytes, str]:
        """Plain bytes, Brotli bytes and content type. Raises Refused("not_found") for anything not allowed."""
        served = self.packages.get(name)
        kind = _KINDS.get(Path(path).suffix)
        if served is None or served.version != version or kind is None or ".." in path.split("/"):
            raise Refused("not_found")
        if not ALLOWED[name].fullmatch(path):
            raise Refused("not_found")
        file = served.folder / path
        if file not in self._cache:
            if not file.is_file() or file.stat().st_size > _FILE_BYTES_MAX:
                raise Refused("not_found")
            plain = file.read_bytes()
            if len(self._cache) >= _CACHE_FILES_MAX:
                self._cache.clear()
            self._cache[file] = (plain, brotli.compress(plain, quality=11))
        plain, packed = self._cache[file]
        return plain, packed, kind


def _locked(root: Path) -> dict[str, str]:
    try:
        lock = json.loads((root / "package-lock.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {
        key.removeprefix("node_modules/"): str(item.get("version", ""))
        for key, item in lock.get("packages", {}).items()
        if key.startswith("node_modules/")
    }
