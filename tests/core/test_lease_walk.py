"""Every interleaving of the lease protocol, up to a number of steps: no stale write, no durable millisecond lost.

Two devices, two gateways at a time, and Redis that may come back without any suffix of its writes. A unit that Redis
forgot while nobody else had written it down is left out until somebody writes it again: that takes a loss of Redis
and, before its gateway speaks again, a crash or a takeover. Everything else that was called durable must stay.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from tests.core.lease_model import Rules, World, lost, steps

# A learner whose gateway died, and who came back: the walk goes on from here.
CAME_BACK = ("start", "open", "beat", "sync", "crash", "resume", "open")
STEPS = {
    "start", "ask", "force", "resume", "elsewhere", "open", "reseed", "beat", "close", "sync", "lost", "write",
    "unanswered", "refused", "leave", "release", "cut", "crash", "expire", "fsync", "lose",
}  # fmt: skip


class Walk(NamedTuple):
    states: int
    stale: int
    lost: int
    names: set[str]


def after(rules: Rules, names: tuple[str, ...]) -> World:
    world = World()
    for name in names:
        world = next(found for step, found in steps(world, rules) if step == name)
    return world


def walk(rules: Rules, depth: int, first: World) -> Walk:
    """Breadth first; a state that breaks an invariant is counted and not followed."""
    seen, edge, counts, names = {first}, [first], Counter(), set()
    for _step in range(depth):
        following = []
        for world in edge:
            for name, found in steps(world, rules):
                names.add(name)
                if found in seen:
                    continue
                seen.add(found)
                if found.stale or lost(found):
                    counts["stale"] += found.stale
                    counts["lost"] += bool(lost(found))
                else:
                    following.append(found)
        edge = following
    return Walk(len(seen), counts["stale"], counts["lost"], names)


def test_no_stale_write_is_accepted_and_no_durable_millisecond_is_lost() -> None:
    rules = Rules()
    found = walk(rules, 10, World())
    assert (found.stale, found.lost) == (0, 0)
    assert found.names == STEPS
    assert found.states >= 296_000


def test_the_same_holds_after_a_gateway_died_and_the_page_came_back() -> None:
    rules = Rules()
    found = walk(rules, 8, after(rules, CAME_BACK))
    assert (found.stale, found.lost) == (0, 0)
    assert found.states >= 64_000


def test_a_seat_that_opens_for_an_equal_fence_lets_stale_writes_in() -> None:
    # A renewal under an equal fence renames nobody: that alone leaves fewer ways into it than there were, 1,364.
    found = walk(Rules(strict=False), 9, World())
    assert found.stale >= 1_300 and found.lost >= 70


def test_a_seat_that_forgets_what_it_settled_loses_milliseconds_with_the_next_stretch() -> None:
    rules = Rules(keep_base=False)
    found = walk(rules, 7, after(rules, CAME_BACK))
    assert found.stale == 0 and found.lost >= 25
