"""Writes docs/scaling.md from what was measured: `python -m scripts.scaling_table`.

Reads bench/results/cluster.json and, when it is there, certify.json beside it: report.json of `bench certify`, with
and without `--cluster`. A newer report in its place and another run of this script are all that newer figures need.
"""

from __future__ import annotations

import json
from math import ceil
from pathlib import Path

from proctor.core.policy import DEFAULT
from proctor.settings import Settings

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "scaling.md"
SIZES = (100_000, 1_000_000, 10_000_000)
BUSY = 0.6  # of a core: the rest is for storms, and for the work of a neighbour that died
BURST_MS = 65  # measured: three pictures of 37 KB each from JPEG to verdict, one core, models of proctor.faces
HOST_CORES = 8  # of the hosts in the table
HEAD = """# Scaling: what one more of each buys

Written by `python -m scripts.scaling_table` from `bench/results/*.json`; do not edit. Every figure is marked:
*measured* in a run whose report is kept there, or *computed* from such figures. Nothing computed is evidence for
anybody's clause.

## Measured: what a learner costs

Beats every ten seconds, no face checks, server and load on the same two cores.

{measured}

What idle processes cost is in it, divided among so few, so a larger house pays less for each. Starts are not in it:
they came at {starts:.0f} a second in the same run, over {gateways} gateways.

A burst of three face pictures costs a worker {burst} ms of a core (measured, by hand, on a busy machine).

## Computed: what one more buys

No core busier than {busy}.

{more}

Gateways and workers keep nothing: start more, on any host, and a balancer that knows WebSocket sends new
connections there; whoever is connected stays where it is. A gateway that is stopped asks its players to dial again.
A Valkey master is added as Valkey does it (`CLUSTER MEET`, a replica, slots moved to it): gateways follow a slot
that moves, nobody notices. Learners are spread over `lease_buckets` tags (64), each of which lies on one master:
more than some twenty masters need more tags, and that number is fixed at install (a change forgets who studies now,
as an empty Redis does). PostgreSQL grows by cores and disks: one primary.

## Computed: one hundred thousand, one million, ten million online

{table}

## What does not grow by adding

- **One PostgreSQL primary** takes all writes. Where the table wants more cores than one host has, split by
  institution: an installation for a province or a city each; they share nothing, and no learner studies in two.
- **Face jobs** wait in one stream, on one master, at most `jobs_max` (10,000): seconds of work, pictures are not in
  it.
- **Pub/sub** is told to every server of a cluster: some messages for each check and takeover, none for a beat. With
  twenty masters at ten million that is the first thing to look at.
- **Evidence and media** are files: more than one host needs them on storage that all share. Video is a matter of a
  CDN.
- **Clocks**: see [operations.md](operations.md#redis-cluster).

## Shown past one machine

`python -m bench certify --cluster` starts three Valkey masters with replicas and PostgreSQL and runs S1-S5 on them;
S13 kills a master, S14 cuts a host of gateways off from Redis ([certify.md](certify.md)). All of it runs on one
machine: the processes are many, the network between them is simulated, and what a real network adds to a beat is
not measured.
"""
KINDS = {"gateway": "gateways", "valkey": "Valkey", "postgres": "PostgreSQL"}


def measured(report: dict) -> dict[str, tuple[float, float]]:
    """By kind: microseconds of a core a second for each learner at the largest size, and KiB for each one more."""
    low, high = report["costs"][0], report["costs"][-1]
    more = high["online"] - low["online"]
    return {
        kind: (
            high["cores"][kind] / high["online"] * 1e6,
            (high["pss_bytes"][kind] - low["pss_bytes"][kind]) / more / 1_024,
        )
        for kind in KINDS
        if kind in high["cores"]
    }


def cores(us: float, online: int) -> float:
    """Cores for so many learners, none busier than `BUSY`."""
    return us * online / 1e6 / BUSY


def bursts_per_s(online: int) -> float:
    """Random checks; those at the start and the end of lessons come on top."""
    mean_ms = (DEFAULT.check_every_ms_min + DEFAULT.check_every_ms_max) / 2
    return online / mean_ms * 1_000


def needs(online: int, found: dict[str, tuple[float, float]]) -> dict[str, str]:
    """The column of one size."""
    sockets = Settings().sockets_max
    gateways = max(ceil(online / sockets), ceil(cores(found["gateway"][0], online))) + 1
    masters = max(3, ceil(cores(found["valkey"][0] / 2, online)))
    workers = ceil(bursts_per_s(online) * BURST_MS / 1_000 / BUSY)
    kib = sum(each for _us, each in found.values())
    busy = ceil(cores(sum(us for us, _kib in found.values()), online)) + workers
    return {
        "beats a second": f"{online * 1_000 // DEFAULT.beat_ms:,}",
        "gateway processes (sockets or cores, whichever is more, and one that may die)": f"{gateways:,}",
        "cores of the gateways": f"{cores(found['gateway'][0], online):,.1f}",
        "Valkey masters, each with a replica": f"{masters:,}",
        "cores of Valkey, masters and replicas": f"{cores(found['valkey'][0], online):,.1f}",
        "cores of PostgreSQL": f"{cores(found['postgres'][0], online):,.1f}",
        "memory for learners, all processes (GB)": f"{kib * online / 2**20:,.1f}",
        "face pictures judged (bursts a second)": f"{bursts_per_s(online):,.0f}",
        "face workers (a core each)": f"{workers:,}",
        f"hosts of {HOST_CORES} cores": f"{max(3, ceil(busy / HOST_CORES)):,}",
    }


def page() -> str:
    paths = [RESULTS / f"{name}.json" for name in ("certify", "cluster")]
    reports = {path.stem: json.loads(path.read_text("utf-8")) for path in paths if path.exists()}
    found = measured(reports["cluster"])
    return HEAD.format(
        measured=_measured(reports), more=_more(found), table=_table(found), busy=f"{BUSY:.0%}", burst=BURST_MS,
        starts=_starts(reports["cluster"]), gateways=reports["cluster"]["plan"]["gateways"],
    )  # fmt: skip


def _measured(reports: dict[str, dict]) -> str:
    rows = ["| run | learners | part | core time of a learner (µs a second) | memory of a learner more (KiB) |",
            "| --- | --- | --- | --- | --- |"]  # fmt: skip
    for name, report in reports.items():
        for kind, (us, kib) in measured(report).items():
            online = report["costs"][-1]["online"]
            rows.append(f"| `{name}.json`, {report['at'][:10]} | {online:,} | {KINDS[kind]} | {us:.2f} | {kib:.1f} |")
    return "\n".join(rows)


def _starts(report: dict) -> float:
    """Starts a second while the house filled."""
    ramp_s = next(row["value"] for row in report["rows"] if row["budget"] == "certify_s1_ramp_s")
    return report["plan"]["online"] / ramp_s


def _more(found: dict[str, tuple[float, float]]) -> str:
    sockets, burst_s = Settings().sockets_max, BURST_MS / 1_000
    by_cores = BUSY / found["gateway"][0] * 1e6
    fewest = f"{min(sockets, by_cores):,.0f} learners"
    rows = [
        ("gateway process (one core)", f"{fewest} ({sockets:,} by `sockets_max`, {by_cores:,.0f} by its core)"),
        ("Valkey master with its replica", f"{BUSY / (found['valkey'][0] / 2) * 1e6:,.0f} learners by its core"),
        ("core for PostgreSQL", f"{BUSY / found['postgres'][0] * 1e6:,.0f} learners"),
        ("face worker (one core)", f"{BUSY / burst_s:.1f} bursts a second: {BUSY / burst_s / bursts_per_s(1):,.0f} "
                                   "learners at the default rhythm of checks"),
    ]  # fmt: skip
    return "\n".join(["| one more | buys (computed) |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)])


def _table(found: dict[str, tuple[float, float]]) -> str:
    columns = [needs(online, found) for online in SIZES]
    rows = ["| | " + " | ".join(f"{online:,}" for online in SIZES) + " | |", "| --- |" + " --- |" * (len(SIZES) + 1)]
    rows += [f"| {name} | " + " | ".join(column[name] for column in columns) + " | computed |" for name in columns[0]]
    return "\n".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(PAGE)
