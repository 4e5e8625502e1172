"""The command: prepare, run the scenarios in their order, judge, report."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import typer
from rich.progress import Progress

from bench import house
from bench.certify import checks, enrolled, faults, learners, past, rest, rush, site, stage, steady, stores
from bench.certify.album import Album
from bench.certify.album import write as write_album
from bench.certify.orders import Shown
from bench.certify.plan import FACES, Plan
from bench.certify.stage import Findings
from bench.world import World
from proctor.settings import Settings

STEADY = frozenset(("S1", "S2", "S3", "S4", "S5", "S13"))
TRUE = frozenset(("S3", "S5", "S13"))  # of these: the record is asked afterwards
RUSH = frozenset(("S9", "S10"))
FAULTS = frozenset(("S6", "S7", "S8"))


async def run(plan: Plan, folder: Path, progress: Progress) -> Findings:
    """All wanted scenarios. `folder`: of the report; raw samples go below it. Raises BadParameter with a sentence."""
    if plan.refusal:
        raise typer.BadParameter(plan.refusal)
    findings = Findings()
    raw = folder / "raw"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    if set(plan.scenarios) - {"S14", *FACES}:
        await _here(plan, findings, raw, progress)
    if set(plan.scenarios) & set(FACES):
        await _faces(plan, findings, raw, progress)
    if "S14" in plan.scenarios:
        await _apart(plan, findings, raw, progress)
    return findings


async def _here(plan: Plan, findings: Findings, raw: Path, progress: Progress) -> None:
    async with house.folder() as data, stores.opened(plan) as plan:
        settings = site.settings_for(plan, data)
        bar = progress.add_task(f"preparing {plan.online:,} learners", total=None)
        world = await learners.fill(settings, plan.online)
        progress.remove_task(bar)
        await _steady(plan, settings, world, findings, raw, progress)
        await _faults(plan, settings, world, findings, raw, progress)
        if "S12" in plan.scenarios:
            await _rest(plan, settings, world, findings, raw, progress)
        await _rush(plan, settings, world, findings, raw, progress)


async def _faces(plan: Plan, findings: Findings, raw: Path, progress: Progress) -> None:
    """S11 and S15, each with learners and stores of its own: the rules are the default ones, and faces are known."""
    from bench.certify import posing  # networks and the packages of pictures: for these two only

    bar = progress.add_task("sittings before a camera", total=None)
    pictures = raw.parent / "pictures.msgpack"
    album = await asyncio.to_thread(posing.kept, Settings(), Path(plan.faces_data) if plan.faces_data else None)
    write_album(album, pictures)
    progress.remove_task(bar)
    sittings = sum(len(one.takes) for one in album.people)
    findings.notes.append(f"核验照片：{len(album.people)} 人，{sittings} 次拍摄 (sittings)")
    try:
        for name in (name for name in FACES if name in plan.scenarios):
            await _faces_of(name, plan, album, pictures, findings, raw, progress)
    finally:
        pictures.unlink()


async def _faces_of(
    name: str, plan: Plan, album: Album, pictures: Path, findings: Findings, raw: Path, progress: Progress
) -> None:
    online = plan.faces_online if name == "S11" else plan.due + checks.idle_of(plan.due)
    plan = msgspec.structs.replace(plan, online=online)
    few = checks.gateways_for(plan)
    plan = msgspec.structs.replace(plan, gateways=few, loads=few)
    async with house.folder() as data:
        settings = replace(site.settings_for(plan, data), policy=json.dumps(plan.faces_policy()))
        bar = progress.add_task(f"preparing {online:,} learners", total=None)
        world = await learners.fill(settings, online)
        await enrolled.enrol(settings, world, album)
        if name == "S15":
            await enrolled.nearly_due(settings, world, checks.LEFT_MS)
        progress.remove_task(bar)
        shown = Shown(
            album=str(pictures), web_port=settings.port, rest=name == "S15",
            due_ms=checks.LEFT_MS if name == "S15" else 0,
        )  # fmt: skip
        async with stage.opened(
            plan, settings, world, "faces" if name == "S11" else "due", findings, raw, progress, web=True,
            workers=plan.workers, shown=shown,
        ) as full:  # fmt: skip
            await (checks.online if name == "S11" else checks.at_once)(full, findings)


async def _apart(plan: Plan, findings: Findings, raw: Path, progress: Progress) -> None:
    """S14 on hosts and stores of its own: its record is asked for its own learners."""
    own = Findings()
    async with house.folder() as data, stores.apart(plan) as (plan, hosts):
        settings = site.settings_for(plan, data)
        world = await learners.fill(settings, plan.online)
        async with stage.opened(plan, settings, world, "hosts", own, raw, progress, hosts=hosts) as full:
            await steady.come(full)
            await past.host_cut(full, hosts, world, own)
            if not await steady.finish(full):
                own.notes.append("S14 之后最后的心跳未能全部落库 (S14: not everybody's last beat was stored)")
            found = own.truths["S14"] = await steady.held_to_truth(full, own)
            own.rows += steady.truth_rows("S14", found, plan.online)
            own.rows += await past.fence_rows(settings)
    findings.rows += own.rows
    findings.parts += own.parts
    findings.notes += own.notes
    findings.truths |= own.truths


async def _steady(
    plan: Plan, settings: Settings, world: World, findings: Findings, raw: Path, progress: Progress
) -> None:
    wanted = set(plan.scenarios)
    if "S4" in wanted:
        async with stage.opened(plan, settings, world, "cost", findings, raw, progress) as small:
            await steady.costs(small, findings)
    if wanted & STEADY:
        async with stage.opened(plan, settings, world, "steady", findings, raw, progress) as full:
            await steady.ramp(full, findings)
            if wanted & {"S2", "S4"}:
                await steady.hold(full, findings)
            if "S5" in wanted:
                await steady.kill(full, findings)
            if "S13" in wanted:
                await past.master_killed(full, findings)
            if wanted & TRUE:
                in_order = await steady.finish(full)
                if not in_order:
                    findings.notes.append("最后的心跳未能全部落库 (not everybody's last beat was stored)")
                found = findings.truths["S3"] = await steady.held_to_truth(full, findings)
                for name in sorted(wanted & TRUE):
                    findings.rows += steady.truth_rows(name, found, plan.online)
    if "S4" in wanted:
        findings.rows += steady.cost_rows(findings.costs)


async def _faults(
    plan: Plan, settings: Settings, world: World, findings: Findings, raw: Path, progress: Progress
) -> None:
    """Everybody comes online again, on a fresh site; the record is asked once, after all that went wrong.

    What it says counts for each of them: it cannot tell which one lost a millisecond.
    """
    wanted = set(plan.scenarios)
    if not wanted & FAULTS:
        return
    bounded = replace(settings, journal_facts_max=faults.journal_facts_max(plan))
    async with stage.opened(plan, bounded, world, "faults", findings, raw, progress) as full:
        await steady.come(full)
        if "S6" in wanted:
            await faults.restart(full, findings)
        if "S7" in wanted:
            await faults.faults(full, findings)
        if "S8" in wanted:
            await faults.takeovers(full, world, findings)
        in_order = await steady.finish(full)
        if not in_order:
            findings.notes.append(
                "故障之后最后的心跳未能全部落库 (after the faults: not everybody's last beat was stored)"
            )
        ran = sorted(wanted & FAULTS)
        found = findings.truths["、".join(ran)] = await steady.held_to_truth(full, findings)
        for name in ran:
            findings.rows += steady.truth_rows(name, found, plan.online)


async def _rest(
    plan: Plan, settings: Settings, world: World, findings: Findings, raw: Path, progress: Progress
) -> None:
    """S12 on a fresh site; what so long a stretch left in the record is asked, too."""
    async with stage.opened(plan, settings, world, "rest", findings, raw, progress) as full:
        await rest.hold(full, findings)
        if not await steady.finish(full):
            findings.notes.append("S12 之后最后的心跳未能全部落库 (S12: not everybody's last beat was stored)")
        found = findings.truths["S12"] = await steady.held_to_truth(full, findings)
        findings.rows += steady.truth_rows("S12", found, plan.online)


async def _rush(
    plan: Plan, settings: Settings, world: World, findings: Findings, raw: Path, progress: Progress
) -> None:
    """A fifth of the learners online for the sign-ins, half of them for the other operations."""
    wanted = set(plan.scenarios)
    if not wanted & RUSH:
        return
    await rush.prepare(settings, world, plan)
    crowd = msgspec.structs.replace(plan, online=plan.online - len(rush.numbers(plan)))
    async with stage.opened(crowd, settings, world, "rush", findings, raw, progress, web=True) as part:
        if "S10" in wanted:
            beside = plan.online // 5
            await rush.come(part, beside)
            await rush.sign_ins(part, rush.browsers(settings, world, plan, signed=False), findings, beside)
        if "S9" in wanted:
            beside = plan.online // 2
            await rush.come(part, beside)
            await rush.operations(part, rush.browsers(settings, world, plan, signed=True), findings, beside)
