"""When faults have stopped everything must settle: within bounds of virtual time, and completely."""

from __future__ import annotations

import asyncio

from tests.sim.bits import bits, text
from tests.sim.books import Book
from tests.sim.losses import without_cause

BACK_S = 90  # an honest learner is back and counting by then
QUIET_S = 75  # leases are free and journals empty by then after everybody left
STEP_S = 65  # a lease lives as much longer as Redis TIME stepped back


async def settle(world) -> None:
    world.trace("calm")
    for person in world.people:
        person.settle_down()
    step_s = STEP_S if world.steps else 0
    back_s = BACK_S + step_s
    await _until(world, back_s, lambda: all(_well(world, one) for one in world.people if not one.cheat))
    for one in world.people:
        if not one.cheat and not _well(world, one):
            page = one.pages.get(one.device)
            world.auditor.fail(
                "an honest learner comes back and counts", f"learner {one.learner_id}: {_state(page) if page else ''}"
            )
    world.office.closed = True
    await asyncio.sleep(4)
    await _until(world, 45, lambda: not _behind(world))
    await _live_sessions_agree(world)
    await _until(world, BACK_S, lambda: not any(_asked(one) for one in world.people if not one.cheat))
    for one in world.people:
        one.leave()
    await _until(world, QUIET_S + step_s, lambda: not _left(world))
    for law, detail in _left(world):
        world.auditor.fail(law, detail)
    _checks_closed(world)
    _honest_kept(world)


def _state(page) -> dict:
    names = ("state", "playing", "want", "counting", "why", "must", "hold", "ended", "complete", "durable_late")
    found = {name: getattr(page.client, name) for name in names}
    found["check"] = page.client.check["kind"] if page.client.check else ""
    return found | {"stage": page.checking.stage, "pos": page.film.look()}


async def _until(world, most_s: int, done) -> None:
    for _second in range(most_s):
        if done():
            return
        await asyncio.sleep(1)


def _behind(world) -> bool:
    """Does a live session not know yet what people decided? A lost push is found at the next seat update."""
    seats = world.sql.records.seats
    return any(
        learner.session.instruction_version < seats[learner_id].instruction_version
        for gateway in world.gateways
        if not gateway.process.dead
        for learner_id, learner in gateway.hub.learners.items()
    )


def _asked(one) -> bool:
    page = one.pages.get(one.device)
    return page is not None and bool(page.client.check)


def _well(world, one) -> bool:
    """Playing and counted; or there is a good reason why not, and it is known."""
    page = one.pages.get(one.device)
    if one.learner_id in world.stopped or page is None:
        return True
    client = page.client
    if client.state != "live" or client.check or client.must:
        return False
    if client.playing and client.why in ("unfiled", "repeated"):
        return True  # the lesson was taken down; or what was counted already is seen once more
    capped = client.day >= world.policy.daily_cap_ms
    done = client.complete and (client.ended or one.lesson_id == max(world.lessons))
    return done or capped or (client.playing and client.counting and client.outbox.ack > 1)


async def _live_sessions_agree(world) -> None:
    """Asked one by one, in a moment in which the journal holds nothing of them that SQL must be told first."""
    found = [
        (gateway.hub.journal, learner)
        for gateway in world.gateways
        if not gateway.process.dead
        for learner in gateway.hub.learners.values()
    ]
    for _moment in range(30):
        waiting = [one for one in found if id(one[1]) in one[0]._waiting]
        for journal, learner in found:
            if (journal, learner) not in waiting:
                _agrees(world, learner)
        if not waiting:
            return
        found = waiting
        await asyncio.sleep(0.1)


def _agrees(world, learner) -> None:
    """What a live session believes to be covered is what SQL says, with its open stretch."""
    session = learner.session
    seat = world.sql.records.seats[session.learner_id]
    if seat.fence != session.fence or learner.over:
        return
    if session.instruction_version < seat.instruction_version:
        # Found at the next seat update, and one without an open stretch has none.
        if session.stretch.spans:
            world.auditor.fail("instructions reach a live session", f"learner {session.learner_id}")
        return
    stored = world.auditor.books[session.learner_id].mask(session.lesson_id, Book.COVERED)
    waiting = bits(session.stretch.spans)
    for _number, _lesson, spans, _day in session.closed:
        waiting |= bits(spans)
    believed = bits(session.credit.covered)
    more, less = believed & ~(stored | waiting), (stored | waiting) & ~believed
    if more or less:
        world.auditor.fail(
            "a live session knows the record",
            f"learner {session.learner_id}: believes {text(more)} too much, {text(less)} too little",
        )


def _left(world) -> list[tuple[str, str]]:
    """What is not settled yet: laws and details."""
    now_ms = world.redis.time_ms()
    found = [
        ("leases are free in the end", f"learner {learner_id} {row.holder}")
        for learner_id, row in world.redis.leases.table.rows.items()
        if row.holder is not None and row.expires_ms > now_ms
    ]
    for gateway in world.gateways:
        if not gateway.process.dead:
            hub = gateway.hub
            if hub.journal.waiting_facts:
                found.append(("journals are empty in the end", gateway.name))
            if hub.learners or hub._tasks:
                found.append(("sessions are gone in the end", f"{gateway.name} {list(hub.learners)}"))
    return found


def _checks_closed(world) -> None:
    for check_id, check in world.sql.records.checks.items():
        if check.outcome == "pending" and world.honest(check.learner_id):
            book = world.auditor.books[check.learner_id]
            if book.open_check != check_id and check_id not in book.unstored_endings and not world.crashed:
                world.auditor.fail("checks are closed in the end", f"learner {check.learner_id} {check}")


def _honest_kept(world) -> None:
    """What an honest learner watched is in the record, but for what one of the causes explains."""
    for one in world.people:
        if one.cheat:
            continue
        book = world.auditor.books[one.learner_id]
        kept = {
            lesson: book.mask(lesson, Book.ALL) | world.auditor.waiting(one.learner_id, lesson)
            for lesson in world.lessons
        }
        lost = {lesson: one.played(lesson) & ~kept[lesson] for lesson in world.lessons}
        world.count("honest_played_ms", sum(one.played(lesson).bit_count() for lesson in world.lessons))
        world.count("honest_lost_ms", sum(mask.bit_count() for mask in lost.values()))
        found = without_cause(
            one.segments, lost, world.losses.of(one.learner_id), lambda cause, ms: world.count(f"lost_by_{cause}", ms)
        )
        if found:
            lesson, from_ms, to_ms, end_ms = max(found, key=lambda each: each[2] - each[1])
            detail = f"learner {one.learner_id} lesson {lesson} {from_ms}-{to_ms}, played until {end_ms}"
            world.auditor.fail("an honest learner loses nothing without a cause", detail)
