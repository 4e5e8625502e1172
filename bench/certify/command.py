"""The command: prepare, run the scenarios in their order, judge, report."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.progress import Progress

from bench import house
from bench.certify import learners, site, stage, steady
from bench.certify.plan import Plan
from bench.certify.stage import Findings
from bench.world import World
from proctor.settings import Settings

STEADY = frozenset(("S1", "S2", "S3", "S5"))


async def run(plan: Plan, folder: Path, progress: Progress) -> Findings:
    """All wanted scenarios. `folder`: of the report; raw samples go below it."""
    findings = Findings()
    raw = folder / "raw"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    async with house.folder() as data:
        settings = site.settings_for(plan, data)
        bar = progress.add_task(f"preparing {plan.online:,} learners", total=None)
        world = await learners.fill(settings, plan.online)
        progress.remove_task(bar)
        await _steady(plan, settings, world, findings, raw, progress)
    return findings


async def _steady(
    plan: Plan, settings: Settings, world: World, findings: Findings, raw: Path, progress: Progress
) -> None:
    wanted = set(plan.scenarios)
    if "S4" in wanted:
        async with stage.opened(plan, settings, world, "cost", findings, raw, progress) as small:
            await steady.costs(small, findings)
    if wanted & STEADY or "S4" in wanted:
        async with stage.opened(plan, settings, world, "steady", findings, raw, progress) as full:
            await steady.ramp(full, findings)
            if wanted & {"S2", "S4"}:
                await steady.hold(full, findings)
            if "S5" in wanted:
                await steady.kill(full, findings)
            if "S3" in wanted:
                in_order = await steady.finish(full)
                if not in_order:
                    findings.notes.append("最后的心跳未能全部落库 (not everybody's last beat was stored)")
                found = findings.truths["S3"] = await steady.held_to_truth(full, findings)
                findings.rows += steady.truth_rows("S3", found, plan.online)
    if "S4" in wanted:
        findings.rows += steady.cost_rows(findings.costs)
