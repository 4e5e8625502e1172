"""Who may play: the rules of the lease, one by one."""

from __future__ import annotations

import pytest

from proctor.core.lease import Granted, Holding, LeaseTable, NotGranted
from proctor.core.snapshot import encode_snapshot
from tests.core.test_snapshot import at

PHONE = Holding(device_id="phone", page_id="p1", node="n1")
PC = Holding(device_id="pc", page_id="p2", node="n2")
PC_TAB = Holding(device_id="pc", page_id="p3", node="n2")
LEASE = 30_000


def table() -> LeaseTable:
    """The phone holds fence 1 from time 0."""
    one = LeaseTable()
    assert isinstance(one.acquire(1, PHONE, LEASE, 0), Granted)
    return one


def test_a_live_holder_is_asked_first_and_then_it_is_taken_anyway() -> None:
    one = table()
    assert one.acquire(1, PC, LEASE, 1_000) == NotGranted(why="held", holder=PHONE)
    taken = one.acquire(1, PC, LEASE, 1_300, force=True)
    assert isinstance(taken, Granted) and (taken.fence, taken.previous) == (2, PHONE)


def test_first_keeps_refuses_the_newcomer_but_never_the_same_page() -> None:
    one = table()
    assert one.acquire(1, PC, LEASE, 1_000, first_keeps=True, force=True) == NotGranted(why="kept", holder=PHONE)
    again = one.acquire(1, PHONE, LEASE, 1_000, first_keeps=True)
    assert isinstance(again, Granted) and again.previous is None


@pytest.mark.parametrize(("holder", "fence", "granted"), [(PHONE, 1, False), (PC, 1, True), (PC_TAB, 2, True)])
def test_a_tab_that_wakes_up_never_throws_out_the_device_in_use(holder, fence, granted) -> None:
    one = table()
    one.acquire(1, PC, LEASE, 1_000, force=True)
    answer = one.acquire(1, holder, LEASE, 2_000, fence=fence)
    assert isinstance(answer, Granted) is granted
    if not granted:
        assert answer == NotGranted(why="elsewhere", holder=PC)


def test_an_expired_lease_is_taken_without_asking_and_renewed_by_its_own_fence() -> None:
    one = table()
    assert one.holder(1, LEASE) is None
    assert one.sync(1, 1, PHONE, LEASE, None, LEASE + 1) and one.holder(1, LEASE + 2) == (PHONE, 1)
    assert isinstance(one.acquire(1, PC, LEASE, 2 * LEASE + 1), Granted)
    assert not one.sync(1, 1, PHONE, LEASE, None, 2 * LEASE + 2), "a newer fence exists"


def test_the_snapshot_stays_after_the_release_and_lives_a_day() -> None:
    one = table()
    one.sync(1, 1, PHONE, LEASE, encode_snapshot(at(1, 5, 1)), 10)
    assert one.release(1, 1, 20) and not one.release(1, 9, 20)
    answer = one.acquire(1, PC, LEASE, 30)
    assert isinstance(answer, Granted) and answer.snapshot == at(1, 5, 1) and answer.previous is None
    late = one.acquire(1, PC, LEASE, 86_400_010)
    assert isinstance(late, Granted) and late.snapshot is None


def test_fences_only_grow_also_when_redis_lost_its_data() -> None:
    one = table()
    one.lose_everything()
    back = one.acquire(1, PHONE, LEASE, 50, fence=7)
    assert isinstance(back, Granted) and back.fence == 8, "above the one that the page presents"
    assert one.reseed(1, 20) == 20 and one.reseed(1, 3) == 20 and one.holder(1, 60) is None
