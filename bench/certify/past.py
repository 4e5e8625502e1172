"""S13: a master of the Valkey Cluster is killed while everybody studies; its replica takes over."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from redis.exceptions import RedisError

from bench import report
from bench.certify import stores
from bench.certify.stage import Findings, Stage
from proctor.errors import Unavailable

TAKE_OVER_MOST_S = 60.0
LOOK_S = 0.25
CALM_BEATS = 3  # afterwards: whoever paused has beaten again, and everybody is durable


async def master_killed(stage: Stage, findings: Findings) -> None:
    """S13: kill -9 of one master in three. Its learners study on or pause by themselves; all go on afterwards."""
    stage.say("S13 a master is killed")
    settings = stage.site.settings
    before, failures = stage.crowds.live, await stage.site.figure("zhenxue_lease_failures_total")
    (victim, *_others) = masters = await stores.servers(settings, "primaries")
    with stage.mark("S13 master killed") as mark:
        os.kill(victim, signal.SIGKILL)
        took_s = await _taken_over(stage, victim, len(masters))
        deadline_s = time.perf_counter() + TAKE_OVER_MOST_S
        await asyncio.sleep(CALM_BEATS * stage.plan.beat_s)
        while time.perf_counter() < deadline_s and (stage.crowds.live < before or stage.crowds.halted):
            await asyncio.sleep(LOOK_S)
    await stage.crowds.heard(mark.to_s)
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
