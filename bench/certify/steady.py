"""S1 ramp, S2 hold, S3 truth, S4 cost, S5 one gateway killed."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time

from bench import report
from bench.certify import truth
from bench.certify.drive import Crowds
from bench.certify.meter import Cost, far_ends
from bench.certify.plan import DIALS_PER_S, FINISHES_PER_S, FULL, RAMP_MOST_S
from bench.certify.stage import Findings, Mark, Stage
from bench.certify.tally import Tick
from bench.certify.truth import Truth

BACK_MOST_S = 40.0
FINISH_MOST_S = 120.0
STORED_MOST_S = 60.0
TELL_MOST_S = 60.0
CALM_S = 2.0  # between looking for connections and what is measured


async def costs(stage: Stage, findings: Findings) -> None:
    """S4 at the smaller sizes: come online, settle for a period, be watched."""
    online = 0
    for size in stage.plan.stages:
        stage.say(f"{size:,} learners")
        with stage.mark(f"{size:,}"):
            await stage.crowds.dial(size - online, DIALS_PER_S, RAMP_MOST_S)
        online = size
        await asyncio.sleep(stage.plan.beat_s)
        findings.costs.append(await stage.site.cost(size, stage.plan.stage_hold_s))
    # They leave as the others do: the same learners come again in the next part, and the record must be in order.
    await finish(stage)
    await tell(stage, findings)


async def come(stage: Stage) -> tuple[bool, float]:
    """Everybody comes online, each with a ticket that is signed as it dials. (all of them?, seconds)."""
    stage.say("ramp")
    with stage.mark("S1 ramp") as mark:
        everybody = await stage.crowds.dial(stage.plan.online, DIALS_PER_S, RAMP_MOST_S)
    return everybody, mark.to_s - mark.from_s


async def ramp(stage: Stage, findings: Findings) -> None:
    """S1."""
    plan = stage.plan
    everybody, took_s = await come(stage)
    sessions = await stage.site.figure("zhenxue_sessions")
    findings.rows += [
        report.row("S1", "服务端席位数 sessions counted by the gateways", sessions, ""),
        report.row("S1", "未能上线 missing after the ramp", plan.online - sessions, "", "certify_s1_missing"),
        report.row("S1", "全部上线用时 ramp", took_s if everybody else RAMP_MOST_S, "s", "certify_s1_ramp_s"),
    ]
    # Whoever came last has beaten once, and those that had to dial again are told of.
    stage.say("settling")
    await asyncio.sleep(plan.beat_s)


async def hold(stage: Stage, findings: Findings) -> None:
    """S2: a beat of everybody each period, and nothing may go wrong. Its cost is S4's at the full size."""
    plan = stage.plan
    stage.say("S2 hold")
    counted = await stage.site.figure("zhenxue_beats_total")
    load_s = stage.crowds.cpu_s
    # Whole seconds of the clock by which beats are counted.
    await asyncio.sleep(1 - time.perf_counter() % 1)
    began_s = round(time.perf_counter())
    with stage.mark("S2 hold") as mark:
        cost = await stage.site.cost(plan.online, plan.hold_s)
    beats = await stage.site.figure("zhenxue_beats_total") - counted
    await stage.crowds.heard(mark.to_s)
    tick = stage.part.seconds.window(began_s, began_s + plan.hold_s)
    findings.costs.append(cost)
    per_beat_us = (stage.crowds.cpu_s - load_s) / max(1, tick.sent) * 1_000_000
    findings.notes.append(f"生成器每次心跳约 {per_beat_us:.0f} µs CPU (generator)")
    findings.rows += hold_rows(tick, plan.online, plan.beat_s, plan.hold_s, beats)


def hold_rows(tick: Tick, online: int, beat_s: float, hold_s: float, counted: float) -> list[report.Row]:
    """Figures of the hold. The rate of the notice is asked of a run of its size; what was planned, of every run."""
    latency = tick.latency
    rate_budget = "certify_s2_rate_min" if online >= FULL else ""
    errors = sum(tick.errors.values()) + tick.sent - tick.acked
    return [
        report.row("S2", "每秒应答的心跳 beats answered", tick.acked / hold_s, "1/s", rate_budget),
        report.row("S2", "计划每秒心跳 beats planned", online / beat_s, "1/s"),
        report.row("S2", "发出与计划之比 sent to planned", tick.sent / (hold_s * online / beat_s), "times",
                   "certify_s2_sent_share_min"),
        report.row("S2", "服务端计数的每秒心跳 beats counted by the gateways", counted / hold_s, "1/s"),
        report.row("S2", "响应时间 p50", latency.percentile(500) / 1_000, "ms", "certify_s2_p50_ms"),
        report.row("S2", "响应时间 p90", latency.percentile(900) / 1_000, "ms"),
        report.row("S2", "响应时间 p95", latency.percentile(950) / 1_000, "ms"),
        report.row("S2", "响应时间 p99", latency.percentile(990) / 1_000, "ms", "certify_s2_p99_ms"),
        report.row("S2", "响应时间 p99.9", latency.percentile(999) / 1_000, "ms", "certify_s2_p999_ms"),
        report.row("S2", "响应时间 max", latency.max_us / 1_000, "ms", "certify_s2_max_ms"),
        report.row("S2", "响应时间平均 mean", latency.mean_us / 1_000, "ms"),
        report.row("S2", "错误 errors", errors, "", "certify_s2_errors"),
        late_row("S2", tick),
        report.row("S2", "压测端迟发 max generator late", tick.lateness.max_us / 1_000, "ms"),
    ]


def late_row(name: str, tick: Tick, words: str = "") -> report.Row:
    """A generator that is late itself measures nothing: each part asks it."""
    said = f"{words}: 压测端迟发 p99 generator late" if words else "压测端迟发 p99 generator late"
    return report.row(name, said, tick.lateness.percentile(990) / 1_000, "ms", "certify_late_p99_ms")


def cost_rows(found: list[Cost]) -> list[report.Row]:
    """S4: what the server side used, and that a learner of a full house costs no more than one of a small.

    A store that this machine could not read is in no sum: then the sums are shown, and nothing is judged by them.
    """
    rows = []
    unread = sorted({kind for one in found for kind in one.unread})
    lacks = f"，未含读不到的 {'、'.join(unread)}，不作判定 not judged" if unread else ""

    def judged(measure: str, value: float, unit: str, budget: str) -> report.Row:
        return report.row("S4", measure + lacks, value, unit, "" if unread else budget)

    for one in found:
        parts = ", ".join(f"{kind} {cores:.2f}" for kind, cores in one.cores.items())
        rows += [
            report.row("S4", f"{one.online:,} 人时 CPU cores ({parts})", one.cores_all, "cores"),
            report.row("S4", f"{one.online:,} 人时内存 memory (PSS)", one.bytes_all / 1e9, "GB"),
            report.row("S4", f"{one.online:,} 人时每人 CPU core time of a learner", one.core_us_per_learner, "µs/s"),
            report.row(
                "S4", f"{one.online:,} 人时每人内存 memory of a learner", one.bytes_per_learner / 1_024, "KiB"
            ),
        ]
    if found:
        last = found[-1]
        rows += [
            judged("服务端 CPU server side", last.cores_all, "cores", "certify_s4_cores"),
            judged("服务端内存 server side", last.bytes_all / 1e9, "GB", "certify_s4_gb"),
        ]
    if len(found) > 1:
        first, last = found[0], found[-1]
        cpu = last.core_us_per_learner / first.core_us_per_learner
        memory = last.bytes_per_learner / first.bytes_per_learner
        rows += [
            judged("每人 CPU，全部对四分之一 core time, full to quarter", cpu, "times", "certify_s4_times"),
            judged("每人内存，全部对四分之一 memory, full to quarter", memory, "times", "certify_s4_times"),
        ]
    return rows


async def kill(stage: Stage, findings: Findings) -> None:
    """S5: one gateway dies under the full load; its learners dial again, the others must not notice."""
    stage.say("S5 a gateway is killed")
    victim = stage.site.house.gateways[0]
    # Whose gateway it is, is settled before it dies: who loses a line for another reason is one of the others.
    ends = await asyncio.to_thread(far_ends, victim)
    await stage.crowds.mark(ends)
    await asyncio.sleep(CALM_S)
    before = stage.plan.online
    with stage.mark("S5 kill -9") as mark:
        os.kill(victim, signal.SIGKILL)
        deadline_s = time.perf_counter() + BACK_MOST_S
        await asyncio.sleep(3)
        while stage.crowds.live < before and time.perf_counter() < deadline_s:
            await asyncio.sleep(0.25)
        # One more period: everybody has beaten in the new place.
        await asyncio.sleep(stage.plan.beat_s)
    after = await settled_rows(stage, "S5")
    await stage.crowds.mark()
    tick = stage.part.seconds.window(mark.from_s - 1, mark.to_s)
    findings.rows += kill_rows(tick, mark, stage.crowds.resumed_s, before, stage.crowds.live, stage.plan.gateways)
    findings.rows += after


def kill_rows(
    tick: Tick, mark: Mark, resumed_s: float, before: int, after: int, gateways: int
) -> list[report.Row]:
    """`resumed_s`: when the last of them was welcomed again. A gateway that hardly anybody was on shows nothing."""
    back_s = resumed_s - mark.from_s if after >= before else BACK_MOST_S
    return [
        report.row("S5", "重连的学员 reconnected", tick.resumed, ""),
        report.row("S5", "重连人数与一个网关平均人数之比 reconnected, to the learners of a gateway",
                   tick.resumed / (before / gateways), "times", "certify_s5_moved_share_min"),
        report.row("S5", "未恢复 not back", before - after, "", "certify_s5_missing"),
        report.row("S5", "全部恢复用时 all back after", back_s, "s", "certify_s5_back_s"),
        report.row(
            "S5", "其余学员 p99 of the others", tick.latency.percentile(990) / 1_000, "ms", "certify_s5_others_p99_ms"
        ),
        report.row("S5", "其余学员 max of the others", tick.latency.max_us / 1_000, "ms"),
        late_row("S5", tick),
    ]


async def settled(crowds: Crowds, beat_s: float) -> tuple[int, int]:
    """One more period, by whole seconds: (learners who earned nothing in it, errors and beats without an answer).

    Everything up to its end was told when this returns.
    """
    from_s = math.ceil(time.perf_counter())
    to_s = from_s + math.ceil(beat_s)
    await asyncio.sleep(to_s - time.perf_counter())
    await crowds.heard(to_s)
    tick = crowds.seconds.window(from_s, to_s)
    return await crowds.unearned(from_s), sum(tick.errors.values()) + tick.sent - tick.acked


async def settled_rows(stage: Stage, name: str, words: str = "") -> list[report.Row]:
    """After a fault all must go on: not only be online, but earn, and be answered."""
    unearned, wrong = await settled(stage.crowds, stage.plan.beat_s)
    words = f"{words}: " if words else ""
    return [
        report.row(name, f"{words}恢复后一个周期内未记学时 earned nothing in a period afterwards", unearned, "",
                   "certify_after_unearned"),
        report.row(name, f"{words}恢复后一个周期内错误与无应答 errors in it, and beats without an answer", wrong, "",
                   "certify_after_errors"),
    ]  # fmt: skip


async def finish(stage: Stage) -> bool:
    """Everybody's last beat, until it is stored. False when somebody's never came, or SQL is behind."""
    stage.say("last beats")
    await stage.crowds.order("finish", rate=FINISHES_PER_S)
    with stage.mark("last beats"):
        ended = await stage.crowds.done("finish", FINISH_MOST_S)
        return await stage.site.stored(STORED_MOST_S) and ended


async def tell(stage: Stage, findings: Findings) -> None:
    """The load processes write down what each learner played."""
    await stage.crowds.order("tell", folder=stage.raw)
    await stage.crowds.done("tell", TELL_MOST_S)
    findings.told += [*sorted(stage.raw.glob("*-learners.csv")), *stage.after]


async def held_to_truth(stage: Stage, findings: Findings) -> Truth:
    """S3: the record against what was played, learner by learner."""
    stage.say("S3 truth")
    await tell(stage, findings)
    return await truth.read(stage.site.settings, findings.told)


def truth_rows(name: str, found: Truth, expected: int) -> list[report.Row]:
    return [
        report.row(name, "逐人核对人数 learners compared", found.learners, ""),
        report.row(name, "未核对人数 not compared", expected - found.learners, "", "certify_s3_missing"),
        report.row(name, "记入学时 credited", found.credited_ms / 3_600_000, "h"),
        report.row(name, "已确认而未入库 acknowledged and not stored", found.lost_ms, "ms", "certify_s3_lost_ms"),
        report.row(name, "重复或无据 stored twice or unclaimed", found.twice_ms, "ms", "certify_s3_twice_ms"),
        report.row(name, "超过经过时间 stored above elapsed time", found.above_ms, "ms", "certify_s3_above_ms"),
        report.row(name, "汇总不一致 rollups that differ", found.rollup_ms, "ms", "certify_s3_rollup_ms"),
        report.row(name, "申报而未给，单人最多 claimed, not granted", found.short_most_ms, "ms",
                   "certify_s3_short_ms"),
    ]  # fmt: skip
