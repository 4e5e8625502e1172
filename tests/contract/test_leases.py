"""Leases: the pure table and the Lua scripts run the same commands and must agree; each obligation by example."""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proctor.adapters.memory import MemoryLeases
from proctor.adapters.redis_client import connect, redis_time_ms
from proctor.adapters.redis_leases import RedisLeases
from proctor.core.inputs import Snapshot
from proctor.core.snapshot import encode_snapshot
from proctor.ports import Acquire, Acquired, Holder, LeaseSync

LEASE_MS = 60_000
_ids = itertools.count(1)


def holder(page: str, device: str = "", node: str = "n1") -> Holder:
    return Holder(device_id=device or f"dev-{page}", page_id=page, node=node, device_kind="pc")


def snapshot(learner_id: int, fence: int, seq: int) -> bytes:
    return encode_snapshot(
        Snapshot(
            learner_id=learner_id, lesson_id=1, fence=fence, seq=seq, at_redis_ms=1, position_ms=0, playing=True,
            day="2026-11-24", day_used_ms=0, slack_ms=0, stretch=1, open_spans=(), open_from_redis_ms=0,
        )
    )  # fmt: skip


@pytest.fixture
def leases(client):
    if client is None:
        now = itertools.count(1_000)
        return MemoryLeases(lambda: next(now))
    return RedisLeases(client)


@pytest.fixture
def learner() -> int:
    return 10_000 + next(_ids)


async def start(leases, learner, page="a", **extra):
    return await leases.acquire(Acquire(learner_id=learner, holder=holder(page), lease_ms=LEASE_MS, **extra))


async def test_a_start_takes_a_free_lease_and_every_success_raises_the_fence(leases, learner) -> None:
    first = await start(leases, learner)
    again = await start(leases, learner)
    assert (first.fence, again.fence, again.previous) == (1, 2, None)


async def test_a_renewal_names_its_holder_only_where_the_store_names_nobody(leases, learner) -> None:
    one = LeaseSync(
        learner_id=learner, fence=3, holder=holder("a"), lease_ms=LEASE_MS, snapshot=snapshot(learner, 3, 1)
    )
    other = msgspec.structs.replace(one, holder=holder("b"), snapshot=None)
    newer = msgspec.structs.replace(other, fence=4)
    for item, named in ((one, "a"), (other, "a"), (newer, "b")):
        assert (await leases.sync([item]))[0] == [True]
        found = await leases.holder(learner)
        assert found is not None and (found[0].page_id, found[1]) == (named, item.fence)
    await leases.reseed(learner, 5)
    assert await leases.holder(learner) is None
    assert (await leases.sync([one, msgspec.structs.replace(one, fence=5)]))[0] == [False, True]
    found = await leases.holder(learner)
    assert found is not None and (found[0].page_id, found[1]) == ("a", 5)
    taken = await start(leases, learner, "a")
    assert taken.snapshot is not None and taken.snapshot.seq == 1


async def test_another_page_must_ask_then_may_force_and_the_loser_is_named(leases, learner) -> None:
    await start(leases, learner, "a")
    asked = await start(leases, learner, "b")
    assert asked.why == "held" and asked.holder.page_id == "a" and asked.holder.device_kind == "pc"
    forced = await start(leases, learner, "b", force=True)
    assert forced.fence == 2 and forced.previous.page_id == "a"


async def test_first_keeps_refuses_even_with_force(leases, learner) -> None:
    await start(leases, learner, "a")
    assert (await start(leases, learner, "b", first_keeps=True, force=True)).why == "kept"
    assert isinstance(await start(leases, learner, "a", first_keeps=True), Acquired)


async def test_a_resume_needs_its_fence_its_page_or_an_empty_store(leases, learner) -> None:
    await start(leases, learner, "a")
    await start(leases, learner, "b", force=True)
    assert (await start(leases, learner, "a", fence=1)).why == "elsewhere"
    assert (await start(leases, learner, "c", fence=2)).fence == 3
    assert (await start(leases, learner, "c", fence=1)).fence == 4, "the page holds it"
    assert (await start(leases, learner + 50_000, "x", fence=7)).fence == 8, "nothing is stored"


async def test_release_frees_the_lease_and_keeps_the_fence(leases, learner) -> None:
    await start(leases, learner, "a")
    assert not await leases.release(learner, 9)
    assert await leases.release(learner, 1)
    assert await leases.holder(learner) is None
    taken = await start(leases, learner, "b")
    assert (taken.fence, taken.previous) == (2, None)


async def test_sync_renews_and_stores_only_under_its_own_fence(leases, learner) -> None:
    first = await start(leases, learner, "a")
    item = LeaseSync(
        learner_id=learner, fence=first.fence, holder=holder("a"), lease_ms=LEASE_MS,
        snapshot=snapshot(learner, 1, 5),
    )  # fmt: skip
    held, now_ms = await leases.sync([item])
    assert held == [True] and now_ms > 0
    taken = await start(leases, learner, "b", force=True)
    assert taken.snapshot.seq == 5
    held, _ = await leases.sync([item])
    assert held == [False]
    assert (await leases.holder(learner))[0].page_id == "b"


async def test_an_expired_lease_is_free_and_its_own_fence_takes_it_back(leases, learner) -> None:
    request = Acquire(learner_id=learner, holder=holder("a"), lease_ms=1)
    first = await leases.acquire(request)
    await asyncio.sleep(0.01)
    assert await leases.holder(learner) is None
    item = LeaseSync(learner_id=learner, fence=first.fence, holder=holder("a"), lease_ms=LEASE_MS, snapshot=None)
    assert (await leases.sync([item]))[0] == [True]
    assert (await leases.holder(learner))[1] == first.fence


async def test_a_store_without_data_is_filled_again_by_sync(leases, learner) -> None:
    item = LeaseSync(learner_id=learner, fence=41, holder=holder("a"), lease_ms=LEASE_MS, snapshot=None)
    assert (await leases.sync([item]))[0] == [True]
    assert (await start(leases, learner, "a")).fence == 42


async def test_reseed_raises_the_fence_and_never_lowers_it(leases, learner) -> None:
    await start(leases, learner, "a")
    assert await leases.reseed(learner, 7) == 7
    assert await leases.reseed(learner, 3) == 7
    assert await leases.holder(learner) is None
    assert (await start(leases, learner, "b")).fence == 8


async def test_a_ticket_is_used_once(leases, learner) -> None:
    assert await leases.use_ticket(f"t{learner}", 60_000)
    assert not await leases.use_ticket(f"t{learner}", 60_000)
    assert await leases.use_ticket(f"u{learner}", 60_000)


async def test_of_fifty_who_use_a_ticket_at_once_one_may_start(leases, learner) -> None:
    used = await asyncio.gather(*(leases.use_ticket(f"t{learner}", 60_000) for _n in range(50)))
    assert sum(used) == 1


async def test_a_ticket_is_remembered_for_its_life_only(leases, learner) -> None:
    assert await leases.use_ticket(f"t{learner}", 1)
    await asyncio.sleep(0.01)
    assert await leases.use_ticket(f"t{learner}", 60_000), "its own expiry refuses it by then"


async def test_of_many_starts_at_once_every_one_gets_a_fence_of_its_own(leases, learner) -> None:
    pages = [f"p{n}" for n in range(20)]
    taken = await asyncio.gather(*(start(leases, learner, page, force=True) for page in pages))
    assert sorted(one.fence for one in taken) == list(range(1, 21))
    last = max(taken, key=lambda one: one.fence)
    held, fence = await leases.holder(learner)
    assert fence == 20 and held.page_id == pages[taken.index(last)]
    losers = [one.previous.page_id for one in taken if one.previous is not None]
    assert len(losers) == 19 == len(set(losers)), "each but the first threw out the one before"


async def test_many_items_of_many_buckets_are_renewed_each_under_its_own_fence(leases, learner) -> None:
    """More than one call of one bucket takes, and stale ones among them."""
    base, count = 2_000_000 + learner * 10_000, 1_300
    items = [
        LeaseSync(
            learner_id=base + n * (64 if n % 2 else 1), fence=1 if n % 3 else 7, holder=holder("a"),
            lease_ms=LEASE_MS, snapshot=None,
        )
        for n in range(count)
    ]  # fmt: skip
    unique = list({item.learner_id: item for item in items}.values())
    held, now_ms = await leases.sync(unique)
    assert held == [True] * len(unique) and now_ms > 0
    held, _ = await leases.sync([msgspec.structs.replace(item, fence=3) for item in unique])
    assert held == [item.fence == 1 for item in unique]
    assert (await leases.sync([]))[0] == []


commands = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.sampled_from("abc"), st.booleans(), st.booleans()),
        st.tuples(st.just("resume"), st.sampled_from("abc"), st.integers(0, 6)),
        st.tuples(st.just("sync"), st.sampled_from("abc"), st.integers(1, 6), st.booleans()),
        st.tuples(st.just("release"), st.integers(1, 6)),
        st.tuples(st.just("reseed"), st.integers(1, 8)),
        st.tuples(st.just("holder")),
        st.tuples(st.sampled_from(["expire", "forget snapshot", "lose"])),
    ),
    max_size=25,
)


async def happen(leases, learner: int, what: str) -> None:
    """What time and failures do, done to the stored values of both: nobody waits, so both agree on the moment."""
    if isinstance(leases, RedisLeases):
        keys = {"expire": [], "forget snapshot": [leases._snapshot(learner)]}
        both = [leases._lease(learner), leases._snapshot(learner)]
        if what == "expire" and await leases._client.exists(leases._lease(learner)):
            await leases._client.hset(leases._lease(learner), "expires", 1)
        for key in keys.get(what, both):
            await leases._client.delete(key)
        return
    row = leases.table.rows.get(learner)
    if what == "lose":
        leases.table.rows.pop(learner, None)
    elif row is not None and what == "expire":
        row.expires_ms = 1
    elif row is not None:
        row.snapshot_expires_ms = 1


async def run(leases, learner: int, script) -> list:
    """What each command of the script answers, without times."""
    told = []
    for command in script:
        if command[0] == "start":
            answer = await start(leases, learner, command[1], first_keeps=command[2], force=command[3])
        elif command[0] == "resume":
            answer = await start(leases, learner, command[1], fence=command[2])
        elif command[0] == "sync":
            data = snapshot(learner, command[2], 1) if command[3] else None
            item = LeaseSync(
                learner_id=learner, fence=command[2], holder=holder(command[1]), lease_ms=LEASE_MS, snapshot=data
            )
            told.append((await leases.sync([item]))[0])
            continue
        elif command[0] == "release":
            told.append(await leases.release(learner, command[1]))
            continue
        elif command[0] == "reseed":
            told.append(await leases.reseed(learner, command[1]))
            continue
        elif command[0] == "holder":
            told.append(await leases.holder(learner))
            continue
        else:
            await happen(leases, learner, command[0])
            continue
        if isinstance(answer, Acquired):
            told.append((answer.fence, answer.snapshot.fence if answer.snapshot else None, answer.previous))
        else:
            told.append((answer.why, answer.holder))
    return told


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=commands)
def test_the_table_and_the_scripts_agree(valkey, script) -> None:
    async def both() -> tuple[list, list]:
        client = connect(valkey)
        learner_id = 1_000_000 + next(_ids)
        base_ms = await redis_time_ms(client)
        steps = itertools.count(base_ms)
        memory = await run(MemoryLeases(lambda: next(steps)), learner_id, script)
        real = await run(RedisLeases(client), learner_id, script)
        await client.aclose()
        return memory, real

    memory, real = asyncio.run(both())
    assert memory == real
