"""S11 faces on: a day begins, with the checks of the default rules. S15 five thousand checks due in one second.

Everything is real: uploads through the web, the queue, the worker processes, the record. What learners saw of their
checks is written down by the load processes (`camera.py`), one line a check, and read here.
"""

from __future__ import annotations

import asyncio
import csv
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from bench import report
from bench.certify import steady
from bench.certify.camera import Asked
from bench.certify.meter import Cost
from bench.certify.plan import DIALS_PER_S, RAMP_MOST_S, Plan
from bench.certify.stage import Findings, Stage
from bench.certify.tally import Tick
from bench.histogram import Histogram
from bench.report import Row
from proctor.core.facts import Outcome
from proctor.core.policy import DEFAULT

ANSWERS = (Outcome.PASSED, Outcome.UNCLEAR, Outcome.MISMATCH)  # somebody looked; missed and our fault are none
LAST_S = 15.0  # a burst that was taken at the end of a window has so long for its verdict
IDLE, IDLE_LEAST = 100, 8  # checks that fall due one after the other
IDLE_PER_S = 2.0
IDLE_MOST_S = 60.0
LEFT_MS = 2_500  # of credit until everybody of S15 is due
DUE_MOST_S = 240.0
LOOK_S = 0.5
TELL_MOST_S = 60.0


class Seen(msgspec.Struct, kw_only=True):
    """All checks of a stretch of time, as their learners saw them. Times from being asked, unless said."""

    count: int = 0
    ways: Counter[str] = msgspec.field(default_factory=Counter)
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    unanswered: int = 0
    refused: int = 0  # uploads that were answered otherwise than 202
    answered: Histogram = msgspec.field(default_factory=Histogram)
    shown: Histogram = msgspec.field(default_factory=Histogram)  # from the last picture


def read(paths: Iterable[Path]) -> list[Asked]:
    """In the order in which they were asked."""
    found = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as lines:
            found += [msgspec.convert(row, Asked, strict=False) for row in csv.DictReader(lines)]
    return sorted(found, key=lambda one: one.asked_s)


def seen(checks: Iterable[Asked], late_s: float = 0.0) -> Seen:
    """A check is answered when its word came, by one who looked, within its window and, where that is allowed,
    `late_s` for judging a burst that was sent in its last second."""
    found = Seen()
    for one in checks:
        found.count += 1
        found.ways[one.way] += 1
        found.outcomes[one.outcome if one.decided_s else "open"] += 1
        found.refused += one.status not in (0, 202)
        in_time = 0 < one.decided_s <= one.asked_s + one.left_ms / 1_000 + late_s
        if not in_time or one.outcome not in ANSWERS:
            found.unanswered += 1
            continue
        found.answered.add(int((one.decided_s - one.asked_s) * 1e6))
        found.shown.add(int((one.decided_s - one.shown_s) * 1e6))
    return found


def check_rows(name: str, found: Seen) -> list[Row]:
    said = ", ".join(f"{outcome} {count}" for outcome, count in found.outcomes.most_common())
    ways = ", ".join(f"{way} {count}" for way, count in found.ways.most_common())
    return [
        report.row(name, f"核验次数 checks asked ({ways})", found.count, ""),
        report.row(name, f"未按时得到答复 not answered in time ({said})", found.unanswered, "",
                   "certify_checks_unanswered"),
        report.row(name, "上传被拒 uploads refused", found.refused, ""),
        *_times(name, "提示到结果 asked to verdict", found.answered),
        *_times(name, "最后一帧到结果 last picture to verdict", found.shown),
    ]  # fmt: skip


def _times(name: str, words: str, found: Histogram) -> list[Row]:
    return [
        *(report.row(name, f"{words} p{permille / 10:g}", found.percentile(permille) / 1e6, "s")
          for permille in (500, 950, 990)),
        report.row(name, f"{words} max", found.max_us / 1e6, "s"),
    ]  # fmt: skip


def beat_rows(name: str, tick: Tick, words: str = "") -> list[Row]:
    """What the checks left of the beats meanwhile. `words`: which stretch it is, where there are several."""
    of = f"{words}: " if words else ""
    errors = ", ".join(f"{kind} {count}" for kind, count in tick.errors.most_common(4))
    return [
        report.row(name, f"{of}心跳应答 beats answered", tick.acked, ""),
        report.row(name, f"{of}心跳无应答 beats without an answer", tick.sent - tick.acked, "",
                   "certify_checks_lost_beats"),
        report.row(name, f"{of}心跳 p50", tick.latency.percentile(500) / 1_000, "ms"),
        report.row(name, f"{of}心跳 p99", tick.latency.percentile(990) / 1_000, "ms", "certify_checks_beats_p99_ms"),
        report.row(name, f"{of}心跳 max", tick.latency.max_us / 1_000, "ms"),
        report.row(name, f"{of}错误 errors {errors}".strip(), sum(tick.errors.values()), "",
                   "certify_checks_errors"),
        steady.late_row(name, tick, words),
    ]  # fmt: skip


def cost_rows(name: str, cost: Cost) -> list[Row]:
    parts = ", ".join(f"{kind} {cores:.2f}" for kind, cores in sorted(cost.cores.items()))
    return [report.row(name, f"服务端 CPU server side ({parts})", cost.cores_all, "cores")]


async def told(stage: Stage, findings: Findings) -> list[Asked]:
    """The load processes write down what they saw."""
    await steady.tell(stage, findings)
    return read(sorted(stage.raw.glob("*-checks.csv")))


class Waiting:
    """Looks at the gateways while something runs: how many checks waited for their turn at most."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.most = 0.0

    async def run(self, until: Callable[[], bool], seconds: float) -> bool:
        """Until then, or so long. Was it so?"""
        deadline_s = time.perf_counter() + seconds
        while not until() and time.perf_counter() < deadline_s:
            self.most = max(self.most, await self._stage.site.figure("zhenxue_checks_waiting"))
            await asyncio.sleep(LOOK_S)
        return until()


# S11.


async def online(stage: Stage, findings: Findings) -> None:
    """S11: people come over a while, and each is checked at the start and now and then."""
    plan = stage.plan
    watch = Waiting(stage)
    stage.say(f"S11 ramp of {plan.faces_ramp_s:.0f} s")
    with stage.mark("S11 ramp") as ramp:
        dialling = asyncio.create_task(
            stage.crowds.dial(plan.online, plan.online / plan.faces_ramp_s, plan.faces_ramp_s + RAMP_MOST_S)
        )
        await watch.run(dialling.done, plan.faces_ramp_s + RAMP_MOST_S)
        sessions = await stage.site.figure("zhenxue_sessions")
    stage.say("S11 hold")
    with stage.mark("S11 hold") as mark:
        holding = asyncio.create_task(stage.site.cost(plan.online, plan.hold_s))
        await watch.run(holding.done, plan.hold_s + RAMP_MOST_S)
    stage.say("S11 the last answers")
    # Meanwhile others are asked: only those of the stretch that was watched are judged.
    await watch.run(lambda: not stage.crowds.unanswered, DEFAULT.check_window_ms / 1_000 + LAST_S)
    checks = [one for one in await told(stage, findings) if one.asked_s <= mark.to_s]
    seconds = stage.part.seconds
    kinds = Counter(one.kind for one in checks)
    findings.rows += [
        report.row("S11", "服务端席位数 sessions counted by the gateways", sessions, ""),
        report.row("S11", "未能上线 missing after the ramp", plan.online - sessions, "", "certify_s11_missing"),
        report.row("S11", "上线历时 ramp", plan.faces_ramp_s, "s"),
        report.row("S11", "人脸进程数 face workers", plan.workers, ""),
        *(report.row("S11", f"其中 of them: {kind}", count, "") for kind, count in sorted(kinds.items())),
        *check_rows("S11", seen(checks)),
        report.row("S11", "最多同时等待提示 most checks waiting for their turn", watch.most, ""),
        *beat_rows("S11", seconds.window(ramp.from_s - 1, math.ceil(mark.from_s)), "上线 ramp"),
        *beat_rows("S11", seconds.window(mark.from_s, mark.to_s), "保持 hold"),
        *cost_rows("S11", holding.result()),
    ]


# S15.


async def at_once(stage: Stage, findings: Findings) -> None:
    """S15: first one check at a time, then all others within one second."""
    plan = stage.plan
    stage.say("S15 ramp")
    await stage.crowds.dial(plan.online, DIALS_PER_S, RAMP_MOST_S)
    await asyncio.sleep(plan.beat_s + 1)
    idle = idle_of(plan.due)
    stage.say("S15 one at a time")
    with stage.mark("S15 one at a time"):
        await stage.crowds.due(idle, IDLE_PER_S)
        await _answered(Waiting(stage), stage, idle, idle / IDLE_PER_S + IDLE_MOST_S)
    watch = Waiting(stage)
    stage.say("S15 all at once")
    with stage.mark("S15 all at once") as mark:
        before = stage.site.cpu_s()
        await stage.crowds.due(plan.online - idle, plan.online - idle)
        await _answered(watch, stage, plan.online, DUE_MOST_S)
        after, took_s = stage.site.cpu_s(), time.perf_counter() - mark.from_s
    await stage.crowds.heard(mark.to_s)
    cost = Cost(online=plan.online, cores={kind: (after[kind] - before.get(kind, 0.0)) / took_s for kind in after},
                pss_bytes={})  # fmt: skip
    checks = await told(stage, findings)
    first = [one for one in checks if one.due_s and one.due_s < mark.from_s]
    rest = [one for one in checks if one.asked_s >= mark.from_s]
    findings.rows += [
        report.row("S15", "人脸进程数 face workers", plan.workers, ""),
        *idle_rows(first, idle),
        *due_rows(rest, plan.online - idle),
        *check_rows("S15", seen(rest, LAST_S)),
        report.row("S15", "最多同时等待提示 most checks waiting for their turn", watch.most, ""),
        *beat_rows("S15", stage.part.seconds.window(mark.from_s - 1, mark.to_s)),
        *cost_rows("S15", cost),
    ]


async def _answered(watch: Waiting, stage: Stage, count: int, seconds: float) -> None:
    """Until so many were asked in this part, and none is open."""
    await watch.run(lambda: stage.crowds.asked >= count and not stage.crowds.unanswered, seconds)


def idle_rows(checks: Sequence[Asked], expected: int) -> list[Row]:
    """One at a time: routine checks from falling due; active ones ask for movements, so from their last picture."""
    routine, active = Histogram(), Histogram()
    for one in checks:
        if one.decided_s and one.way == "routine":
            routine.add(int((one.decided_s - one.due_s) * 1e6))
        elif one.decided_s:
            active.add(int((one.decided_s - one.shown_s) * 1e6))
    words = "逐个到期 one at a time"
    due = f"{words}: 静态，到期到结果 routine, due to verdict"
    missing = expected - routine.count - active.count
    return [
        report.row("S15", f"{words}: 未答复 not answered", missing, "", "certify_checks_unanswered"),
        report.row("S15", f"{due} p50", routine.percentile(500) / 1e6, "s"),
        report.row("S15", f"{due} p95", routine.percentile(950) / 1e6, "s", "certify_s15_idle_p95_s"),
        report.row("S15", f"{due} max", routine.max_us / 1e6, "s"),
        report.row("S15", f"{words}: 动作，最后一帧到结果 active, last picture to verdict p95",
                   active.percentile(950) / 1e6, "s"),
    ]  # fmt: skip


def due_rows(checks: Sequence[Asked], expected: int) -> list[Row]:
    """By learner: from falling due to the first word of somebody who looked, however often it was asked."""
    due: dict[int, float] = {}
    took: dict[int, float] = {}
    for one in checks:
        if one.due_s:
            due.setdefault(one.learner, one.due_s)
        if one.decided_s and one.outcome in ANSWERS and one.learner in due:
            took.setdefault(one.learner, one.decided_s - due[one.learner])
    found = Histogram()
    for seconds in took.values():
        found.add(int(seconds * 1e6))
    spread_s = max(due.values()) - min(due.values()) if due else 0.0
    words = "同时到期 due at once"
    rows = [
        report.row("S15", f"{words}: 人数 learners", expected, ""),
        report.row("S15", f"{words}: 到期历时 all fell due within", spread_s, "s"),
        report.row("S15", f"{words}: 未答复 not answered", expected - len(took), "", "certify_checks_unanswered"),
        *_times("S15", f"{words}: 到期到结果 due to verdict", found),
    ]
    rows[-1] = report.row("S15", rows[-1].measure, rows[-1].value, "s", "certify_s15_due_s")
    return rows


def idle_of(due: int) -> int:
    """How many more learners there are whose checks fall due one at a time before."""
    return min(IDLE, max(IDLE_LEAST, due // 10))


def gateways_for(plan: Plan) -> int:
    """As many as a school of this size would run: each more is one more that shares the cores."""
    return max(2, -(-plan.online // 12_000))
