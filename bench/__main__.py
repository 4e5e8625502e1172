"""`python -m bench …`: what things cost, against bench/budgets.json. A missed budget is the exit code 1."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import beats as beats_bench
from bench import kitchen, procs, report
from bench.beats import Run
from bench.peers import measure

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
    period: Annotated[float, typer.Option(help="Open loop: seconds between two beats of a socket.")] = 10.0,
    out: Out = None,
) -> None:
    """What one beat costs: gateway, Valkey and journal together; and what a connected learner weighs."""
    runs = []
    with _progress() as progress:
        if only in ("both", "open"):
            runs.append(asyncio.run(beats_bench.measure(
                progress, mode="open", sockets=sockets, busy=0, hold_s=seconds, past=True, period_s=period
            )))  # fmt: skip
        if only in ("both", "closed"):
            runs.append(asyncio.run(beats_bench.measure(
                progress, mode="closed", sockets=closed_sockets, busy=busy, hold_s=seconds, past=True, period_s=period
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


@app.command()
def peers(
    only: Annotated[str, typer.Option(help="open, closed, or both.")] = "both",
    sockets: Annotated[int, typer.Option(help="Open loop: sockets of each stack.")] = 6_000,
    period: Annotated[float, typer.Option(help="Open loop: seconds between two beats of a socket.")] = 4.0,
    closed_sockets: Annotated[int, typer.Option(help="Closed loop: connected sockets.")] = 1_000,
    busy: Annotated[int, typer.Option(help="Closed loop: sockets that beat without a pause.")] = 100,
    seconds: Annotated[float, typer.Option(help="Length of each hold.")] = 15.0,
    names: Annotated[str, typer.Option(help="Only these stacks, comma separated.")] = "",
    out: Out = None,
) -> None:
    """The same beat in other stacks, side by side; installs them into the bench's own folder first."""
    versions = kitchen.install()
    shapes = [
        measure.Shape(mode="closed", sockets=closed_sockets, busy=busy, period_s=10.0),
        measure.Shape(mode="open", sockets=sockets, busy=0, period_s=period),
    ]
    wanted = set(names.split(",")) if names else {measure.OURS, *(peer.name for peer in measure.PEERS)}
    found = []
    with _progress() as progress:
        for shape in shapes if only == "both" else [shape for shape in shapes if shape.mode == only]:
            if measure.OURS in wanted:
                found.append(asyncio.run(measure.measure_ours(progress, shape, seconds)))
            for peer in measure.PEERS:
                if peer.name in wanted:
                    found.append(asyncio.run(measure.measure(progress, peer, shape, seconds)))
    _show_peers(found)
    console.print("stacks    " + ", ".join(f"{name} {number}" for name, number in versions.items()), markup=False)
    _finish("peers", "Against the other stacks", ratios(found), {"results": found, "versions": versions}, out)


def _show_peers(found: list[measure.Result]) -> None:
    table = Table(
        "mode", "stack", "sockets", "busy", "beats/s", "server µs", "Redis µs", "CPU per beat µs", "p50 ms", "p99 ms",
        title="CPU per beat", title_justify="left",
    )  # fmt: skip
    for one in found:
        table.add_row(
            one.mode, one.name, f"{one.sockets:,}", f"{one.busy:,}", f"{one.rate:,.0f}", f"{one.server_us:.1f}",
            f"{one.store_us:.1f}", f"{one.cpu_us:.1f}", f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}",
        )  # fmt: skip
    console.print(table)


def ratios(found: list[measure.Result]) -> list[report.Row]:
    """How many times less a beat costs here, and how near it is to the bare transport."""
    cpu = {(one.mode, one.name): one.cpu_us for one in found}
    rows = []
    for mode, other, budget in (
        ("closed", measure.CHANNELS, "peers_closed_channels_times_min"),
        ("closed", measure.AIOHTTP, "peers_closed_aiohttp_times_min"),
        ("open", measure.CHANNELS, "peers_open_channels_times_min"),
        ("open", measure.AIOHTTP, "peers_open_aiohttp_times_min"),
        ("open", measure.NODE, "peers_open_node_times_min"),
    ):
        if {(mode, other), (mode, measure.OURS)} <= set(cpu):
            times = cpu[mode, other] / cpu[mode, measure.OURS]
            rows.append(report.row(mode, f"less than {other}", times, "times", budget))
    if {("open", measure.ECHO), ("open", measure.OURS)} <= set(cpu):
        times = cpu["open", measure.OURS] / cpu["open", measure.ECHO]
        rows.append(report.row("open", "of the bare echo", times, "times", "peers_open_echo_times"))
    return rows


@app.command()
def certify(
    report_dir: Annotated[Path, typer.Option("--report", help="Folder of the report; its raw samples are replaced.")],
    online: Annotated[int, typer.Option(help="Learners online.", min=8)] = 100_000,
    concurrent: Annotated[int, typer.Option(help="Operations started at once.", min=1)] = 1_000,
    hold: Annotated[int, typer.Option(help="Seconds of the hold.", min=1)] = 120,
    beat: Annotated[float, typer.Option(help="Seconds between two beats of a learner.", min=0.5, max=15)] = 10.0,
    gateways: Annotated[int, typer.Option(help="Gateway processes.", min=2, max=64)] = 8,
    loads: Annotated[int, typer.Option(help="Load processes.", min=1, max=60)] = 8,
    redis_url: Annotated[str, typer.Option(help="Redis or Valkey instead of the embedded one.")] = "",
    database_url: Annotated[str, typer.Option(help="An empty postgresql:// database instead of SQLite.")] = "",
    cluster: Annotated[
        bool, typer.Option("--cluster", help="S1-S5, S13, S14 on a Valkey Cluster and PostgreSQL made for the run.")
    ] = False,
    scenarios: Annotated[str, typer.Option(help="Only these, comma separated: S1,S2 …")] = "",
    quick: Annotated[bool, typer.Option(help="S1-S5 at 10,000 learners (or --online), in under 2 minutes.")] = False,
    workers: Annotated[int, typer.Option(help="S11, S15: face workers.", min=1, max=64)] = 2,
    faces_online: Annotated[int, typer.Option(help="S11: learners online.", min=8)] = 20_000,
    faces_ramp: Annotated[float, typer.Option(help="S11: seconds over which they come.", min=1)] = 1_200.0,
    due: Annotated[int, typer.Option(help="S15: checks due in one second.", min=8)] = 5_000,
    data: Annotated[
        Path | None, typer.Option(help="S11, S15: folder of labelled pictures instead of those of packages.")
    ] = None,
) -> None:
    """100,000 online and 1,000 at once: measured, judged, and written down so that a laboratory can run it again."""
    from bench import hosts
    from bench.certify import command, paper
    from bench.certify.plan import Plan, scenarios_of

    try:
        wanted = scenarios_of(scenarios, quick, cluster, hosts.possible())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    plan = Plan(
        online=min(online, 10_000) if quick else online, concurrent=concurrent, beat_s=beat,
        hold_s=min(hold, 20) if quick else hold, gateways=gateways, loads=loads, scenarios=wanted,
        redis_url=redis_url, database_url=database_url, cluster=cluster, workers=workers, faces_online=faces_online,
        faces_ramp_s=faces_ramp, due=due, faces_data=str(data or ""),
    )  # fmt: skip
    with _progress() as progress:
        found = asyncio.run(command.run(plan, report_dir, progress))
    report.show(console, "Certification", found.rows)
    console.print(f"report    {paper.write(plan, found, report_dir)}", markup=False)
    raise typer.Exit(report.exit_code(found.rows))


@app.command()
def faces(
    data: Annotated[Path, typer.Option(help="Folder of labelled pictures: images/, pairs.csv, identities.")],
    tries: Annotated[int, typer.Option(help="Tries of each attack and of each honest condition.", min=1)] = 150,
    people: Annotated[int, typer.Option(help="Only so many people (0: all).", min=0)] = 0,
    backends: Annotated[str, typer.Option(help="sface, sface opencv, dlib; the first one judges.")] = "sface",
    parts: Annotated[str, typer.Option(help="accuracy, cost, trials.")] = "accuracy,cost,trials",
    out: Out = None,
) -> None:
    """How well the judge knows people, refuses attacks and spares the honest, and what that costs."""
    from bench.faces import command, paper

    names = [name.strip() for name in backends.split(",")]
    if unknown := [name for name in names if name not in command.ENGINES]:
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(command.ENGINES)}")
    with _progress() as progress:
        task = progress.add_task("faces")
        try:
            found = command.run(
                data, tries, people, names, [one.strip() for one in parts.split(",")],
                lambda words: progress.update(task, description=words, advance=1),
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise typer.BadParameter(f"{data}: {error}") from None
    report.show(console, "Faces", found.rows)
    kept = report.keep("faces", found.rows, found.raw, out)
    page = kept.with_suffix(".html")
    paper.write(page, found.rows, found.raw, procs.machine(), report.command(), procs.commit())
    console.print(f"samples   {kept}\nreport    {page}", markup=False)
    raise typer.Exit(report.exit_code(found.rows))


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
