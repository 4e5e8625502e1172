"""Figures against their budgets: a table for people, a file with everything for later, an exit code for scripts."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench import procs

HERE = Path(__file__).parent
BUDGETS = HERE / "budgets.json"
RAW = HERE / "results" / "raw"


class Row(msgspec.Struct, kw_only=True):
    """One figure. `budget`: its name in budgets.json, "" for figures that are only shown."""

    mode: str
    measure: str
    value: float
    unit: str
    budget: str = ""
    limit: float | None = None
    at_least: bool = False  # the figure must reach the limit instead of staying below it

    @property
    def met(self) -> bool | None:
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def budgets() -> dict[str, float]:
    return json.loads(BUDGETS.read_text("utf-8"))


def row(mode: str, measure: str, value: float, unit: str, budget: str = "") -> Row:
    """A budget whose name ends in `_min` must be reached, every other must not be passed."""
    limit = budgets()[budget] if budget else None
    return Row(
        mode=mode, measure=measure, value=value, unit=unit, budget=budget, limit=limit,
        at_least=budget.endswith("_min"),
    )  # fmt: skip


def show(console: Console, title: str, rows: list[Row]) -> None:
    """Machine, versions and command above, then the table."""
    console.print(f"command   {command()}\ncommit    {procs.commit()}", markup=False)
    machine = ", ".join(f"{name} {value}" for name, value in procs.machine().items())
    console.print(f"machine   {machine}", markup=False)
    table = Table("mode", "measure", "figure", "unit", "budget", "", title=title, title_justify="left")
    for one in rows:
        sign = "" if one.limit is None else f"{'>=' if one.at_least else '<='} {one.limit:g}"
        word = {None: "", True: "[green]met[/]", False: "[red]MISSED[/]"}[one.met]
        table.add_row(one.mode, one.measure, f"{one.value:,.1f}", one.unit, sign, word)
    console.print(table)


def command() -> str:
    return "python -m bench " + " ".join(sys.argv[1:])


def keep(name: str, rows: list[Row], raw: dict, out: Path | None = None) -> Path:
    """Everything that was measured, as JSON. Returns the file's path."""
    path = out or RAW / f"{name}-{time.strftime('%Y%m%dT%H%M%S')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {
        "bench": name, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "command": command(),
        "commit": procs.commit(), "machine": procs.machine(), "rows": rows, "raw": raw,
    }  # fmt: skip
    path.write_bytes(msgspec.json.format(msgspec.json.encode(said), indent=1))
    return path


def exit_code(rows: list[Row]) -> int:
    """1 when any budget was missed."""
    return int(any(one.met is False for one in rows))
