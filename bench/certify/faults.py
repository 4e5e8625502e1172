"""S6 all gateways start cold, S7 Valkey and SQL fail, S8 a thousand second devices at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench import report
from bench.certify import drive, steady, truth
from bench.certify.drive import Crowds
from bench.certify.plan import Plan
from bench.certify.stage import Findings, Stage
from bench.certify.tally import Tick
from bench.certify.truth import Told
from bench.histogram import Histogram
from bench.world import World

BACK_MOST_S = 120.0
LOOK_S = 0.25
SHORT_S, LONG_S = 5.0, 60.0
HELD_MOST_S = 60.0
HELD_SHARE = 0.9  # then SQL is let go on; the budget asks for no fewer
AT_ONCE_S = 0.05  # a thousand dials of one process take about so long
TOLD_MOST_S = 20.0


def journal_facts_max(plan: Plan) -> int:
    """The bound of a gateway's journal: the product's own, or as much as a small school can fill."""
    return min(20_000, max(500, 2 * plan.online // plan.gateways))


# S6.


async def restart(stage: Stage, findings: Findings) -> None:
    """S6: every gateway dies at once and starts cold; there is no web process from which to get a ticket."""
    stage.say("S6 cold restart")
    before = stage.plan.online
    with stage.mark("S6 cold restart") as mark:
        await stage.site.house.kill("gateway", 0.0)
        await _back(stage, before)
        await asyncio.sleep(stage.plan.beat_s)
    after = await steady.settled_rows(stage, "S6")
    back_s = stage.crowds.resumed_s - mark.from_s if stage.crowds.live >= before else BACK_MOST_S
    tick = stage.part.seconds.window(mark.from_s - 1, mark.to_s)
    findings.rows += [
        report.row("S6", "凭续连令牌恢复 reconnected by resume token", tick.resumed, ""),
        report.row("S6", "恢复人次与在线人数之比 reconnected, to those online", tick.resumed / before, "times",
                   "certify_s6_moved_share_min"),
        report.row("S6", "未恢复 not back", before - stage.crowds.live, "", "certify_s6_missing"),
        report.row("S6", "全部恢复用时 all back after", back_s, "s", "certify_s6_back_s"),
        report.row("S6", "最多每秒恢复 most welcomes in a second", _most_welcomes(stage, mark), "1/s"),
        report.row("S6", "从拨号到欢迎 p99 dial to welcome", tick.opening.percentile(990) / 1_000, "ms"),
        steady.late_row("S6", tick),
        *after,
    ]  # fmt: skip


async def _back(stage: Stage, wanted: int) -> None:
    """Until so many are online again and none stands still, or for too long."""
    deadline_s = time.perf_counter() + BACK_MOST_S
    await asyncio.sleep(2 * drive.WORD_S)
    while time.perf_counter() < deadline_s and (stage.crowds.live < wanted or stage.crowds.halted):
        await asyncio.sleep(LOOK_S)


def _most_welcomes(stage: Stage, mark) -> int:
    return max(
        (tick.resumed for at, tick in stage.part.seconds.ticks.items() if mark.from_s - 1 <= at <= mark.to_s),
        default=0,
    )


# S7.


async def faults(stage: Stage, findings: Findings) -> None:
    """S7: the stores fail one after the other; S3 is asked at the end, over everything."""
    await valkey_down(stage, findings, SHORT_S)
    await valkey_down(stage, findings, LONG_S)
    await sql_frozen(stage, findings)


async def valkey_down(stage: Stage, findings: Findings, down_s: float) -> None:
    """The store is killed and stays away. Short: nobody notices. Long: players pause and go on by themselves."""
    name = f"S7 Valkey {down_s:.0f} s"
    stage.say(name)
    before = stage.plan.online
    with stage.mark(name) as mark:
        await stage.site.house.kill("valkey", down_s)
        await _back(stage, before)
        await asyncio.sleep(2 * stage.plan.beat_s)
    after = await steady.settled_rows(stage, "S7", name)
    tick = stage.part.seconds.window(mark.from_s - 1, mark.to_s)
    stuck = before - stage.crowds.live + stage.crowds.halted
    if down_s <= SHORT_S:
        errors = sum(tick.errors.values()) + tick.sent - tick.acked
        rows = [report.row("S7", f"{name}: 错误 errors", errors, "", "certify_s7_short_errors")]
    else:
        paused = tick.errors["playback stands: durable"]
        rows = [
            report.row("S7", f"{name}: 自行暂停的学员 players that paused", paused, ""),
            report.row("S7", f"{name}: 暂停与在线人数之比 paused, to those online", paused / before, "times",
                       "certify_s7_paused_share_min"),
        ]  # fmt: skip
    findings.rows += [
        *rows,
        report.row("S7", f"{name}: 之后未继续 not going on", stuck, "", "certify_s7_stuck"),
        steady.late_row("S7", tick, name),
        *after,
    ]


async def sql_frozen(stage: Stage, findings: Findings) -> None:
    """Everybody pauses and plays while nothing can be written, until the journals say `hold`; then all goes on."""
    stage.say("S7 SQL frozen")
    before = stage.plan.online
    held = 0
    with stage.mark("S7 SQL frozen") as mark:
        async with frozen(stage):
            await stage.crowds.order("fidget", rate=steady.FINISHES_PER_S * 2)
            deadline_s = time.perf_counter() + HELD_MOST_S
            while time.perf_counter() < deadline_s and stage.crowds.halted < before * HELD_SHARE:
                await asyncio.sleep(LOOK_S)
            held = stage.crowds.halted
        await _back(stage, before)
        await asyncio.sleep(2 * stage.plan.beat_s)
    after = await steady.settled_rows(stage, "S7", "SQL 冻结")
    tick = stage.part.seconds.window(mark.from_s - 1, mark.to_s)
    stuck = before - stage.crowds.live + stage.crowds.halted
    findings.rows += [
        report.row("S7", "SQL 冻结: 收到 hold 的学员 held", tick.errors["playback stands: hold"], ""),
        report.row("S7", "SQL 冻结: 同时停住与在线人数之比 held at once, to those online", held / before, "times",
                   "certify_s7_held_share_min"),
        report.row("S7", "SQL 冻结: 之后未继续 not going on", stuck, "", "certify_s7_stuck"),
        steady.late_row("S7", tick, "SQL 冻结"),
        *after,
    ]  # fmt: skip


@asynccontextmanager
async def frozen(stage: Stage) -> AsyncIterator[None]:
    """No transaction commits: SQLite under somebody's exclusive lock, PostgreSQL stopped by signal."""
    settings = stage.site.settings
    if settings.database_url:
        pids = [pid for name, pid in stage.site.pids.items() if name.startswith("postgres")]
        _signal(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(pids, signal.SIGCONT)
        return
    lock = sqlite3.connect(settings.data_dir / "zhenxue.sqlite3", timeout=10, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
        yield
        lock.execute("ROLLBACK")
    finally:
        lock.close()


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


# S8.


async def takeovers(stage: Stage, world: World, findings: Findings) -> None:
    """S8: second devices press play at the same moment; each takes the seat, and the old device hears of it."""
    plan = stage.plan
    count = min(plan.concurrent, plan.online)
    stage.say("S8 takeovers")
    folder = stage.raw.with_name(f"{stage.raw.name}-second")
    async with drive.crowds(plan, stage.site.settings, world, folder, second=True) as phones:
        stage.phones = phones
        with stage.mark("S8 takeovers") as mark:
            await phones.order("dial", counts=[count], rate=count / AT_ONCE_S)
            await phones.done("dial", TOLD_MOST_S)
            await asyncio.sleep(2 * plan.beat_s)
        # While they study: afterwards none of them is online.
        unearned, wrong = await steady.settled(phones, plan.beat_s)
        seated, kept = phones.live, stage.crowds.live - (plan.online - count)
        sessions = await stage.site.figure("zhenxue_sessions")
        await phones.order("finish", rate=steady.FINISHES_PER_S)
        await phones.done("finish", steady.FINISH_MOST_S)
        stage.after += await _told(phones, folder)
        await _told(stage.crowds, stage.raw)
        stage.phones = None
        old = {one.learner: one for one in truth.read_told(sorted(stage.raw.glob("*-learners.csv")))}
        new = truth.read_told(sorted(folder.glob("*-learners.csv")))
    findings.rows += takeover_rows(old, new, phones.seconds.window(mark.from_s - 1, mark.to_s), count)
    findings.rows += [
        report.row("S8", "服务端席位数与在线人数之差 sessions beyond one each", abs(sessions - plan.online), "",
                   "certify_s8_seats"),
        report.row("S8", "未能上线的新设备 new devices without a seat", count - seated, "", "certify_s8_missing"),
        report.row("S8", "一个周期内未记学时的新设备 new devices that earned nothing in a period", unearned, "",
                   "certify_s8_unearned"),
        report.row("S8", "其间新设备的错误与无应答 errors of theirs, and beats without an answer", wrong, "",
                   "certify_s8_errors"),
        report.row("S8", "仍在线的旧设备 old devices still online", abs(kept), "", "certify_s8_kept"),
        steady.late_row("S8", stage.part.seconds.window(mark.from_s - 1, mark.to_s)),
    ]  # fmt: skip


async def _told(crowds: Crowds, folder) -> list:
    await crowds.order("tell", folder=folder)
    await crowds.done("tell", steady.TELL_MOST_S)
    return sorted(folder.glob("*-learners.csv"))


def takeover_rows(old: dict[int, Told], new: list[Told], tick: Tick, count: int) -> list[report.Row]:
    """From the first dial of the new device to the word that the old one hears: one before that was about another."""
    waits = Histogram()
    untold = 0
    for one in new:
        before = old.get(one.learner)
        if before is None or not one.dialled_us or before.taken_us < one.dialled_us:
            untold += 1
        else:
            waits.add(before.taken_us - one.dialled_us)
    return [
        report.row("S8", "同时换设备 takeovers at once", count, ""),
        report.row("S8", "旧设备未被告知 old devices not told", untold, "", "certify_s8_untold"),
        report.row(
            "S8", "旧设备被告知 p99 told after", waits.percentile(990) / 1_000, "ms", "certify_s8_told_p99_ms"
        ),
        report.row("S8", "旧设备被告知 max told after", waits.max_us / 1_000, "ms"),
        report.row("S8", "新设备从拨号到欢迎 p99 dial to welcome", tick.opening.percentile(990) / 1_000, "ms"),
    ]
