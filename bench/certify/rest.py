"""S12 rest: a full house in which nothing else happens. What it holds must not grow: memory and queues."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from statistics import fmean, linear_regression

import msgspec

from bench import procs, report
from bench.certify import steady
from bench.certify.site import Site
from bench.certify.stage import Findings, Stage
from bench.report import Row
from proctor.settings import Settings

EVERY_S = 10.0
LOOKS_LEAST = 40  # a short hold is looked at as often: half of the looks are judged
HOUR_S = 3_600
QUEUES = ("zhenxue_journal_facts_waiting", "zhenxue_checks_waiting")


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the server side. PSS and number of each process by name; what waits in all gateways together."""

    at_s: float
    pss_bytes: dict[str, int]
    pids: dict[str, int]
    waiting: dict[str, float]


async def hold(stage: Stage, findings: Findings) -> None:
    """S12: everybody comes and studies for the whole hold."""
    plan = stage.plan
    await steady.come(stage)
    sessions = await stage.site.figure("zhenxue_sessions")
    await asyncio.sleep(plan.beat_s)
    stage.say("S12 rest")
    await asyncio.sleep(1 - time.perf_counter() % 1)
    began_s = round(time.perf_counter())
    with stage.mark("S12 rest") as mark:
        looks = await _watched(stage.site, plan.hold_s)
    await stage.crowds.heard(mark.to_s)
    tick = stage.part.seconds.window(began_s, began_s + plan.hold_s)
    wrong = sum(tick.errors.values()) + tick.sent - tick.acked
    findings.rows += [
        report.row("S12", "服务端席位数 sessions counted by the gateways", sessions, ""),
        report.row("S12", "未能上线 missing after the ramp", plan.online - sessions, "", "certify_s12_missing"),
        report.row("S12", "保持 hold", plan.hold_s, "s"),
        *memory_rows(looks, sorted(stage.site.unread)),
        *queue_rows(looks, plan.gateways, stage.site.settings),
        report.row("S12", "心跳 p99 beats", tick.latency.percentile(990) / 1_000, "ms"),
        report.row("S12", "错误与无应答 errors, and beats without an answer", wrong, "", "certify_s12_errors"),
        steady.late_row("S12", tick),
    ]


async def _watched(site: Site, seconds: float) -> list[Look]:
    until_s, every_s = time.perf_counter() + seconds, min(EVERY_S, seconds / LOOKS_LEAST)
    looks = []
    while True:
        looks.append(await look(site))
        left_s = until_s - time.perf_counter()
        if left_s <= 0:
            return looks
        await asyncio.sleep(min(every_s, left_s))


async def look(site: Site) -> Look:
    at_s, pids = time.perf_counter(), site.pids
    pss_bytes = await asyncio.to_thread(_weigh, site, pids)
    await site.house.doors()
    figures = await site.house.figures()
    return Look(
        at_s=at_s, pss_bytes=pss_bytes, pids={name: pid for name, pid in pids.items() if not _comes(name)},
        waiting={name: figures.get(name, 0.0) for name in QUEUES},
    )  # fmt: skip


def _weigh(site: Site, pids: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, pid in pids.items():
        key = "postgres" if _comes(name) else name
        try:
            found[key] = found.get(key, 0) + procs.pss_bytes(pid)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it ended meanwhile: who was started anew is counted
        except OSError:
            site.unread.add(name.partition("-")[0])
    return found


def _comes(name: str) -> bool:
    """PostgreSQL has a process for each connection, and they come and go: they are weighed together."""
    return name.startswith("postgres")


def later_half(looks: Sequence[Look]) -> list[Look]:
    """What begins is not judged: caches fill and pages are touched for the first time."""
    middle_s = (looks[0].at_s + looks[-1].at_s) / 2
    return [one for one in looks if one.at_s >= middle_s]


def memory_rows(looks: Sequence[Look], unread: Sequence[str] = ()) -> list[Row]:
    """Least squares over the second half, for every process of the server side. None may be started anew."""
    half = later_half(looks)
    anew = sum(one.pids != looks[0].pids for one in looks)
    rows = [report.row("S12", "进程有变动的观察次数 looks at other processes than at first", anew, "",
                       "certify_s12_anew")]  # fmt: skip
    lacks = f"，未含读不到的 {'、'.join(unread)}，不作判定 not judged" if unread else ""
    for name in sorted({name for one in half for name in one.pss_bytes}):
        points = [(one.at_s, one.pss_bytes[name]) for one in half if name in one.pss_bytes]
        percent = _slope(points) * HOUR_S / fmean(size for _at, size in points) * 100
        rows += [
            report.row("S12", f"{name} 内存 memory (PSS)", points[-1][1] / 2**20, "MiB"),
            report.row("S12", f"{name} 内存斜率（后半程） slope of its memory, second half{lacks}", percent, "%/h",
                       "" if unread else "certify_s12_slope_percent"),
        ]  # fmt: skip
    return rows


def queue_rows(looks: Sequence[Look], gateways: int, settings: Settings) -> list[Row]:
    """What the line through the second half rose by, in what a gateway takes in one go: one transaction, one check.

    A queue is never quite level. One that grows rises by more than that, however long it is looked at.
    """
    half = later_half(looks)
    seconds = half[-1].at_s - half[0].at_s
    rows = []
    for name, words, once in (
        (QUEUES[0], "等待写入的事实 facts waiting in the journals", settings.journal_facts),
        (QUEUES[1], "等待提示的核验 checks waiting for their turn", 1),
    ):
        rose = _slope([(one.at_s, one.waiting[name]) for one in half]) * seconds
        rows += [
            report.row("S12", f"{words}: max", max(one.waiting[name] for one in looks), ""),
            report.row("S12", f"{words}: 后半程增长，以每网关一次处理量计 growth, in batches",
                       rose / once / gateways, "times", "certify_s12_growth"),
        ]  # fmt: skip
    return rows


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """A second. Of too few points nothing is known, and that is no flat line."""
    if len(points) < 2:
        return math.inf
    return linear_regression([at_s for at_s, _value in points], [value for _at_s, value in points]).slope
