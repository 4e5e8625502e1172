"""S13: a master of the Valkey Cluster is killed while all study. S14: a host of gateways is cut off from it."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import msgspec
from redis.exceptions import RedisError
from sqlalchemy import select

from bench import report
from bench.certify import drive, steady, stores
from bench.certify.stage import Findings, Stage
from bench.hosts import Hosts
from bench.world import World
from proctor import compose
from proctor.errors import Unavailable
from proctor.modules.study.tables import facts
from proctor.settings import Settings

TAKE_OVER_MOST_S = 60.0
LOOK_S = 0.25
PAUSED_SHARE = 0.9  # of the host's learners; the budget asks for no fewer
PAUSED_MOST_S = 60.0  # a player pauses itself 25 s after its newest durable beat
CALM_BEATS = 3  # afterwards: whoever paused has beaten again, and everybody is durable


async def master_killed(stage: Stage, findings: Findings) -> None:
    """S13: kill -9 of one master in three. Its learners study on or pause by themselves; all go on afterwards."""
    stage.say("S13 a master is killed")
    settings = stage.site.settings
    before, failures = stage.plan.online, await stage.site.figure("zhenxue_lease_failures_total")
    (victim, *_others) = masters = await stores.servers(settings, "primaries")
    with stage.mark("S13 master killed") as mark:
        os.kill(victim, signal.SIGKILL)
        took_s = await _taken_over(stage, victim, len(masters))
        deadline_s = time.perf_counter() + TAKE_OVER_MOST_S
        await asyncio.sleep(CALM_BEATS * stage.plan.beat_s)
        while time.perf_counter() < deadline_s and (stage.crowds.live < before or stage.crowds.halted):
            await asyncio.sleep(LOOK_S)
    after = await steady.settled_rows(stage, "S13")
    tick = stage.part.seconds.window(mark.from_s - 1, mark.to_s)
    failures = await stage.site.figure("zhenxue_lease_failures_total") - failures
    stuck = before - stage.crowds.live + stage.crowds.halted
    findings.rows += [
        report.row("S13", "副本接管用时 replica took over after", took_s, "s", "certify_s13_takeover_s"),
        report.row("S13", "之后未继续 not going on", stuck, "", "certify_s13_stuck"),
        report.row("S13", "期间自行暂停 players that paused", tick.errors["playback stands: durable"], ""),
        report.row("S13", "断线 lines lost", tick.resumed, ""),
        report.row("S13", "租约写入重试 lease calls tried again", failures, ""),
        report.row("S13", "无应答 beats without an answer", tick.sent - tick.acked, "", "certify_s13_unanswered"),
        report.row("S13", "响应时间 p99", tick.latency.percentile(990) / 1_000, "ms"),
        steady.late_row("S13", tick),
        *after,
    ]


async def _taken_over(stage: Stage, victim: int, count: int) -> float:
    """Seconds until as many masters as before answer, without the dead one."""
    began_s = time.perf_counter()
    while (past_s := time.perf_counter() - began_s) < TAKE_OVER_MOST_S:
        try:
            found = await stores.servers(stage.site.settings, "primaries")
            if len(found) == count and victim not in found:
                return past_s
        except (RedisError, Unavailable, OSError):
            pass  # the dead one still has its slots
        await asyncio.sleep(LOOK_S)
    return TAKE_OVER_MOST_S


async def host_cut(stage: Stage, hosts: Hosts, world: World, findings: Findings) -> None:
    """S14: the first host hears learners and SQL, but not Redis. Some of its learners take another device meanwhile.

    The old devices of those play on there, uncounted, until they pause; half of those that paused reload elsewhere
    while the host still holds their old sockets. Then the wire is mended.
    """
    plan = stage.plan
    stage.say("S14 a host is cut off from Redis")
    await asyncio.sleep(plan.beat_s)
    before, count = plan.online, min(plan.concurrent, plan.online // 10)
    fewer, folder = msgspec.structs.replace(plan, concurrent=count), stage.raw.with_name(f"{stage.raw.name}-second")
    elsewhere = drive.addresses(hosts)[1:]
    with stage.mark("S14 host cut") as mark:
        hosts.cut(0)
        async with drive.crowds(fewer, stage.site.settings, world, folder, second=True, hosts=elsewhere) as phones:
            stage.phones = phones
            await phones.order("dial", counts=[count], rate=count / plan.beat_s)
            await phones.done("dial", PAUSED_MOST_S)
            expected = (before - count) / hosts.count
            paused = await _paused(stage, expected)
            await stage.crowds.order("move", counts=[one.word.halted // 2 for one in stage.crowds.lines])
            await stage.crowds.done("move", steady.TELL_MOST_S)
            await asyncio.sleep(CALM_BEATS * plan.beat_s)
            hosts.heal(0)
            deadline_s = time.perf_counter() + TAKE_OVER_MOST_S
            while time.perf_counter() < deadline_s and (stage.crowds.live != before - count or stage.crowds.halted):
                await asyncio.sleep(LOOK_S)
            await asyncio.sleep(CALM_BEATS * plan.beat_s)
            missing = count - phones.live
            await phones.order("finish", rate=steady.FINISHES_PER_S)
            await phones.done("finish", steady.FINISH_MOST_S)
            await phones.order("tell", folder=folder)
            await phones.done("tell", steady.TELL_MOST_S)
            stage.after += sorted(folder.glob("*-learners.csv"))
            stage.phones = None
    after = await steady.settled_rows(stage, "S14")
    tick = stage.part.seconds.window(mark.from_s - 1, mark.to_s)
    stuck = abs(before - count - stage.crowds.live) + stage.crowds.halted
    refused = await stage.site.figure("zhenxue_stale_writes_total")
    findings.rows += [
        report.row("S14", "主机数 hosts, one of them cut off", hosts.count, ""),
        report.row("S14", "自行暂停的学员 players that paused", paused, ""),
        report.row("S14", "暂停与该主机学员之比 paused, to the learners of that host", paused / expected, "times",
                   "certify_s14_paused_share_min"),
        report.row("S14", "转到别处的学员 that moved to another host", tick.resumed, ""),
        report.row("S14", "转移与暂停之比 moved, to those that paused", tick.resumed / max(1, paused), "times",
                   "certify_s14_moved_share_min"),
        report.row("S14", "期间换设备 second devices meanwhile", count, ""),
        report.row("S14", "未能上线的新设备 new devices without a seat", missing, "", "certify_s14_missing"),
        report.row("S14", "之后未继续 not going on", stuck, "", "certify_s14_stuck"),
        report.row("S14", "被拒的旧令牌写入 writes refused by the fence", refused, "", "certify_s14_refused_min"),
        steady.late_row("S14", tick),
        *after,
    ]  # fmt: skip


async def _paused(stage: Stage, wanted: float) -> int:
    """How many stand still: until so many do, or nobody more comes."""
    deadline_s = time.perf_counter() + PAUSED_MOST_S
    while time.perf_counter() < deadline_s and stage.crowds.halted < wanted * PAUSED_SHARE:
        await asyncio.sleep(LOOK_S)
    return stage.crowds.halted


async def fence_rows(settings: Settings) -> list[report.Row]:
    """Does any learner's record hold a fact of an older fence after one of a newer?"""
    newest: dict[int, int] = {}
    stale = 0
    async with compose.database(settings) as db, db.read() as conn:
        for learner_id, fence in await conn.execute(select(facts.c.learner_id, facts.c.fence).order_by(facts.c.id)):
            stale += fence < newest.get(learner_id, 0)
            newest[learner_id] = max(fence, newest.get(learner_id, 0))
    return [report.row("S14", "旧令牌之事实入库 facts of an older fence stored", stale, "", "certify_s14_stale")]
