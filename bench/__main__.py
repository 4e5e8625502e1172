"""`python -m bench …`: what things cost, against bench/budgets.json. A missed budget is the exit code 1."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import beats as beats_bench
from bench import report
from bench.beats import Run

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
console = Console(highlight=False)

Out = Annotated[Path | None, typer.Option(help="Where to keep the samples (bench/results/raw).")]


@app.callback()
def about() -> None:
    """Each command prints machine, versions, command and a table of budgets."""


@app.command()
def beats(
    only: Annotated[str, typer.Option(help="open, closed, or both.")] = "both",
    sockets: Annotated[int, typer.Option(help="Open loop: sockets in the one gateway.")] = 15_000,
    closed_sockets: Annotated[int, typer.Option(help="Closed loop: connected sockets.")] = 3_000,
    busy: Annotated[int, typer.Option(help="Closed loop: sockets that beat without a pause.")] = 100,
    seconds: Annotated[float, typer.Option(help="Length of each hold.")] = 40.0,
    out: Out = None,
) -> None:
    """What one beat costs: gateway, Valkey and journal together; and what a connected learner weighs."""
    runs = []
    with _progress() as progress:
        if only in ("both", "open"):
            runs.append(asyncio.run(beats_bench.measure(
                progress, mode="open", sockets=sockets, busy=0, hold_s=seconds, past=True
            )))  # fmt: skip
        if only in ("both", "closed"):
            runs.append(asyncio.run(beats_bench.measure(
                progress, mode="closed", sockets=closed_sockets, busy=busy, hold_s=seconds, past=True
            )))  # fmt: skip
    rows = [row for run in runs for row in beat_rows(run)]
    _finish("beats", "Price of a beat", rows, {run.mode: samples(run) for run in runs}, out)


def beat_rows(run: Run) -> list[report.Row]:
    """The figures of one hold; only those of the full size are held against a budget."""
    mode = run.mode
    rows = [
        report.row(mode, "sockets", run.sockets, ""),
        report.row(mode, "beats per second", run.rate, "1/s"),
        *(report.row(mode, f"CPU per beat, {kind}", us, "µs") for kind, us in run.cpu_us.items()),
        report.row(mode, "CPU per beat", run.cpu_us_all, "µs", f"beats_{mode}_cpu_us"),
        report.row(mode, "ack p50", run.latency.percentile(500) / 1_000, "ms"),
    ]
    limits = ("beats_open_p99_ms", "beats_open_max_ms") if mode == "open" else ("", "")
    rows += [
        report.row(mode, "ack p99", run.latency.percentile(990) / 1_000, "ms", limits[0]),
        report.row(mode, "ack max", run.latency.max_us / 1_000, "ms", limits[1]),
    ]
    if mode == "open":
        kb = run.pss_learner_bytes / 1_024
        rows += [
            report.row(mode, "generator late p99", run.lateness.percentile(990) / 1_000, "ms"),
            report.row(mode, "generator late max", run.lateness.max_us / 1_000, "ms"),
            report.row(mode, "memory per learner (PSS)", kb, "KiB", "beats_learner_pss_kib"),
            report.row(mode, "of which an empty gateway", run.pss_empty_bytes / run.sockets / 1_024, "KiB"),
            report.row(mode, "Valkey per learner", run.valkey_bytes / run.sockets / 1_024, "KiB"),
        ]
    return rows


def samples(run: Run) -> dict:
    """Everything of a run, for the file."""
    return {
        "sockets": run.sockets, "seconds": run.seconds, "beats": run.beats, "cpu_us": run.cpu_us,
        "latency": run.latency.to_json(), "lateness": run.lateness.to_json(), "counted": run.counted,
        "pss_bytes": run.pss_bytes, "pss_empty_bytes": run.pss_empty_bytes, "valkey_bytes": run.valkey_bytes,
        "generator": {name: value for name, value in run.generator.items() if name not in ("latency", "lateness")},
    }  # fmt: skip


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True)
    )


def _finish(name: str, title: str, rows: list[report.Row], raw: dict, out: Path | None) -> None:
    report.show(console, title, rows)
    console.print(f"samples   {report.keep(name, rows, raw, out)}", markup=False)
    raise typer.Exit(report.exit_code(rows))


if __name__ == "__main__":
    sys.exit(app())
