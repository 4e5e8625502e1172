"""A small world around the lease protocol, for the walk: pages, gateways, Redis, one seat in SQL; every next state.

The lease is the real `LeaseTable`, snapshots are real bytes and the real `newer` chooses between them. The seat is a
model of what `open_seats` and `write` promise. Media are units: one bit each, played once. A gateway here holds one
session, so that a crash between any two steps is the loss of that session.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from proctor.core.inputs import Snapshot
from proctor.core.lease import Granted, Holding, LeaseTable, Row
from proctor.core.snapshot import decode_snapshot, encode_snapshot, newer

NOW, LEASE = 5, 5
Closed = tuple[tuple[int, int], ...]  # (stretch number, units)


class Rules(NamedTuple):
    """What the walk may do, and the two rules that it can be asked to break."""

    units: int = 2
    fences: int = 3
    strict: bool = True  # the seat opens for a greater fence only; False: for an equal one too
    keep_base: bool = True  # an opened seat keeps what it settled; False: only the number of the newest stretch
    losses: int = 1  # times that Redis comes back without a suffix of its writes
    lives: int = 2  # sessions and openings at a time: one of them may be a frozen gateway's


class Known(NamedTuple):
    """A snapshot: what Redis or the seat know of a session."""

    fence: int
    seq: int
    stretch: int
    open: int
    closed: Closed


class Lease(NamedTuple):
    """What Redis holds of the learner."""

    fence: int = 0
    page: int = -1
    live: bool = False
    known: Known | None = None


class Seat(NamedTuple):
    fence: int = 0
    stored: int = 0  # newest stored stretch
    ledger: int = 0
    state: Known | None = None


class Live(NamedTuple):
    """One session on its gateway, or (not `opened`) an acquired fence whose seat is not open yet."""

    page: int
    fence: int
    opened: bool = False
    newest: bool = True  # no seat was opened after this one
    joined: bool = True  # the page's socket is up
    asked: bool = False  # another device wants the seat
    left: bool = False
    seq: int = 0
    stretch: int = 0
    open: int = 0
    closed: Closed = ()
    base: Known | None = None  # as `acquire` returned it
    resent: int = 0


class Page(NamedTuple):
    fence: int = 0  # of its last welcome: what a resume presents
    outbox: int = 0  # not known to be stored
    state: str = "out"  # out, waiting (asked for a handover), dialling, playing, cut


class World(NamedTuple):
    lease: Lease = Lease()
    disk: Lease = Lease()  # what Redis remembers after a loss
    losses: int = 0
    kept: bool = False
    seat: Seat = Seat()
    lives: tuple[Live, ...] = ()
    pages: tuple[Page, ...] = (Page(), Page())
    played: int = 0
    durable: int = 0  # units that a player was told to be durable
    forgotten: int = 0  # durable units that Redis lost and nobody has written down since
    stale: bool = False  # a write of an older seat was accepted


HOLDERS = [Holding(device_id=device, page_id=f"p{i}", node="n") for i, device in enumerate(("phone", "pc", "pc"))]


def bits(units: int) -> tuple[tuple[int, int], ...]:
    return tuple((i, i + 1) for i in range(units.bit_length()) if units >> i & 1)


def units_of(spans) -> int:
    return sum(1 << a for a, _b in spans)


@cache
def packed(known: Known) -> bytes:
    closed = tuple((number, 2, bits(units), "day") for number, units in known.closed)
    return encode_snapshot(
        Snapshot(
            learner_id=1, lesson_id=2, fence=known.fence, seq=known.seq, at_redis_ms=0, position_ms=0, playing=True,
            day="day", day_used_ms=0, slack_ms=0, stretch=known.stretch, open_spans=bits(known.open),
            open_from_redis_ms=0, closed=closed,
        )
    )  # fmt: skip


@cache
def unpacked(data: bytes) -> Known | None:
    return known_of(decode_snapshot(data)) if data else None


def known_of(snapshot: Snapshot) -> Known:
    closed = tuple((number, units_of(spans)) for number, _lesson, spans, _day in snapshot.closed)
    return Known(snapshot.fence, snapshot.seq, snapshot.stretch, units_of(snapshot.open_spans), closed)


def table_of(lease: Lease) -> LeaseTable:
    table = LeaseTable()
    if lease.fence:
        table.rows[1] = Row(
            fence=lease.fence,
            holder=HOLDERS[lease.page] if lease.page >= 0 else None,
            expires_ms=NOW + LEASE if lease.live else 0,
            snapshot=packed(lease.known) if lease.known else b"",
            snapshot_expires_ms=10**9,
        )
    return table


def lease_of(table: LeaseTable) -> Lease:
    row = table.rows.get(1)
    if row is None:
        return Lease()
    page = HOLDERS.index(row.holder) if row.holder else -1
    return Lease(row.fence, page, page >= 0 and row.expires_ms > NOW, unpacked(row.snapshot))


@cache
def acquire(lease: Lease, page: int, fence: int | None, force: bool):
    """The lease afterwards, and the granted fence with its snapshot, or the reason of the refusal."""
    table = table_of(lease)
    answer = table.acquire(1, HOLDERS[page], LEASE, NOW, fence=fence, force=force)
    if isinstance(answer, Granted):
        return lease_of(table), (answer.fence, known_of(answer.snapshot) if answer.snapshot else None)
    return lease_of(table), answer.why


@cache
def sync(lease: Lease, page: int, fence: int, known: Known) -> tuple[Lease, bool]:
    table = table_of(lease)
    held = table.sync(1, fence, HOLDERS[page], LEASE, packed(known), NOW)
    return lease_of(table), held


@cache
def release(lease: Lease, fence: int) -> Lease:
    table = table_of(lease)
    table.release(1, fence, NOW)
    return lease_of(table)


@cache
def reseed(lease: Lease, fence: int) -> Lease:
    table = table_of(lease)
    table.reseed(1, fence)
    return lease_of(table)


@cache
def best(left: Known | None, right: Known | None) -> Known | None:
    found = newer(*(decode_snapshot(packed(one)) if one else None for one in (left, right)))
    return known_of(found) if found else None


def known(live: Live) -> Known:
    return Known(live.fence, live.seq, live.stretch, live.open, live.closed)


def settled(seat: Seat, base: Known | None) -> int:
    """The ledger after an opening from `base`."""
    units = seat.ledger
    if base is not None:
        for number, some in (*base.closed, (base.stretch, base.open)):
            units |= some if number > seat.stored else 0
    return units


def opened(seat: Seat, fence: int, snapshot: Known | None, rules: Rules) -> tuple[Seat, int] | None:
    """The seat under the new fence and the first stretch number of its session; None: refused as stale."""
    if not (fence > seat.fence or (fence == seat.fence and not rules.strict)):
        return None
    base = best(snapshot, seat.state)
    stored = max(seat.stored, base.stretch) if base else seat.stored
    state = base if rules.keep_base else seat.state
    return Seat(fence, stored, settled(seat, base), state), (base.stretch + 1 if base else 1)


def written(seat: Seat, live: Live) -> Seat | None:
    """One journal transaction of this session; None: it matched no seat."""
    if seat.fence != live.fence:
        return None
    stored, units = seat.stored, seat.ledger
    for number, some in live.closed:
        if number > stored:
            stored, units = number, units | some
    return Seat(seat.fence, stored, units, known(live._replace(closed=())))


def steps(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    """Every state that may follow, with the name of the step."""
    for index in range(len(world.pages)):
        yield from page_steps(world, index, rules)
    for index, live in enumerate(world.lives):
        if live.opened:
            yield from session_steps(world, index, rules)
        else:
            yield from opening_steps(world, index, rules)
        yield "crash", cut(drop(world, index), live)
    if world.lease.live:
        yield "expire", world._replace(lease=world.lease._replace(live=False))
    if world.losses < rules.losses:
        if not world.kept and world.lease != world.disk:
            yield "fsync", world._replace(disk=world.lease, kept=True)
        if world.lease != world.disk:
            after = world._replace(lease=world.disk, disk=Lease(), kept=False, losses=world.losses + 1)
            yield "lose", after._replace(forgotten=after.durable & ~recorded(after))


def recorded(world: World) -> int:
    """What the next opening would find without anybody's help."""
    return settled(world.seat, best(world.lease.known, world.seat.state))


def put(world: World, index: int, live: Live) -> World:
    return world._replace(lives=world.lives[:index] + (live,) + world.lives[index + 1 :])


def drop(world: World, index: int) -> World:
    return world._replace(lives=world.lives[:index] + world.lives[index + 1 :])


def turn(world: World, index: int, **changes) -> World:
    page = world.pages[index]._replace(**changes)
    return world._replace(pages=world.pages[:index] + (page,) + world.pages[index + 1 :])


def cut(world: World, live: Live) -> World:
    """The socket of this session is gone: its page notices."""
    return turn(world, live.page, state="cut") if live.joined else world


def page_steps(world: World, index: int, rules: Rules) -> Iterator[tuple[str, World]]:
    page = world.pages[index]
    if world.lease.fence < rules.fences and len(world.lives) < rules.lives:
        if page.state in ("out", "waiting"):
            yield from dial(world, index, None, False)
        if page.state == "waiting":
            yield from dial(world, index, None, True)
        if page.state == "cut":
            yield from dial(world, index, page.fence, False)
    mine = [i for i, live in enumerate(world.lives) if live.page == index and live.joined]
    if page.state == "playing" and mine:
        yield "cut", turn(put(world, mine[0], world.lives[mine[0]]._replace(joined=False)), index, state="cut")


def dial(world: World, index: int, fence: int | None, force: bool) -> Iterator[tuple[str, World]]:
    """Start (no fence), forced start, or resume: everything not known to be stored is sent again."""
    lease, answer = acquire(world.lease, index, fence, force)
    name = "resume" if fence is not None else "force" if force else "start"
    after = world._replace(lease=lease)
    if isinstance(answer, str):
        if answer == "held":
            lives = tuple(one._replace(asked=one.asked or (one.opened and one.joined)) for one in world.lives)
            if world.pages[index].state != "waiting" or lives != world.lives:
                yield "ask", turn(after._replace(lives=lives), index, state="waiting")
        else:
            yield answer, turn(after, index, state="out", outbox=0)
        return
    outbox = world.pages[index].outbox if fence is not None else 0
    live = Live(index, answer[0], base=answer[1], resent=outbox)
    yield name, turn(after._replace(lives=(*after.lives, live)), index, state="dialling", outbox=outbox)


def opening_steps(world: World, index: int, rules: Rules) -> Iterator[tuple[str, World]]:
    """The seat opens for this fence, or Redis is told the newer one and the page dials again."""
    live = world.lives[index]
    found = opened(world.seat, live.fence, live.base, rules)
    if found is None:
        after = drop(world, index)._replace(lease=reseed(world.lease, world.seat.fence))
        # The real opener takes a new fence as the same page; dialling once more is the same step.
        yield "reseed", turn(after, live.page, state="out" if not live.resent else "cut") if live.joined else after
        return
    seat, number = found
    after = world._replace(seat=seat, lives=tuple(one._replace(newest=False) for one in world.lives))
    new = live.resent & ~seat.ledger
    closed = ((number, new),) if new else ()
    session = Live(live.page, live.fence, True, joined=live.joined, stretch=number + bool(new), closed=closed)
    after = put(after, index, session)
    yield "open", turn(after, live.page, state="playing", fence=live.fence) if live.joined else after


def session_steps(world: World, index: int, rules: Rules) -> Iterator[tuple[str, World]]:
    live = world.lives[index]
    if live.joined and not live.left and world.pages[live.page].state == "playing" and world.played < rules.units:
        unit = 1 << world.played
        page = world.pages[live.page]
        after = turn(world._replace(played=world.played + 1), live.page, outbox=page.outbox | unit)
        yield "beat", put(after, index, live._replace(seq=live.seq + 1, open=live.open | unit))
    if not live.left:
        if live.open:
            yield "close", put(world, index, closing(live))
        if live.asked:
            # `finish` of the hub: the stretch is closed, then made durable, then the lease may be freed.
            yield "leave", put(world, index, closing(live)._replace(left=True))
    yield from sync_steps(world, index)
    yield from journal_steps(world, index)


def closing(live: Live) -> Live:
    if not live.open:
        return live
    return live._replace(open=0, stretch=live.stretch + 1, closed=(*live.closed, (live.stretch, live.open)))


def sync_steps(world: World, index: int) -> Iterator[tuple[str, World]]:
    """The snapshot becomes durable and the page is told, or the session learns that it lost."""
    live = world.lives[index]
    lease, held = sync(world.lease, live.page, live.fence, known(live))
    after = world._replace(lease=lease)
    if not held:
        # Nothing is emitted any more; facts that are in the journal already still try their fence.
        gone = cut(world, live) if live.joined else world
        gone = turn(gone, live.page, state="out", outbox=0) if live.joined else gone
        rest = live._replace(open=0, left=True, joined=False)
        yield "lost", put(gone, index, rest) if live.closed else drop(gone, index)
        return
    if live.newest:
        units = live.open | sum(some for _number, some in live.closed)
        # A newcomer whose grant Redis forgot may still open its seat, with the snapshot of before.
        rival = any(not one.opened and one.fence > live.fence for one in world.lives)
        forgotten = after.forgotten | (units & ~after.durable) if rival else after.forgotten & ~units
        after = after._replace(durable=after.durable | units, forgotten=forgotten)
    if live.left and live.asked:
        freed = after._replace(lease=release(lease, live.fence))
        yield "release", turn(freed, live.page, state="out", outbox=0) if live.joined else freed
    if after != world:
        yield "sync", after


def journal_steps(world: World, index: int) -> Iterator[tuple[str, World]]:
    """One transaction; its answer may be lost, and then it is sent again."""
    live = world.lives[index]
    seat = written(world.seat, live)
    if seat is None:
        after = drop(world, index)
        yield "refused", turn(after, live.page, state="out", outbox=0) if live.joined else after
        return
    after = world._replace(seat=seat, stale=world.stale or not live.newest)
    after = after._replace(forgotten=after.forgotten & ~recorded(after))
    if after != world:
        yield "unanswered", after
    done = live._replace(closed=())
    if live.joined:
        page = world.pages[live.page]
        after = turn(after, live.page, outbox=page.outbox & ~(seat.ledger | live.open))
    after = drop(after, index) if live.left and not live.joined else put(after, index, done)
    if after != world:
        yield "write", after


def safe(world: World) -> int:
    """Durable units that are written down, or that the newest session still holds."""
    units = recorded(world)
    for live in world.lives:
        if live.opened and live.newest:
            # What the session holds counts only if its numbers are not taken for stored ones.
            for number, some in (*live.closed, (live.stretch, live.open)):
                units |= some if number > world.seat.stored else 0
    return units


def lost(world: World) -> int:
    """Units that a player was told to be durable, that Redis did not forget, and that nobody has."""
    return world.durable & ~world.forgotten & ~safe(world)
