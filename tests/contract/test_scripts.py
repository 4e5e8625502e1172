"""Many calls of a script in one round trip: answers in order, also on a store that has forgotten the script."""

from __future__ import annotations

import pytest

from proctor.adapters.redis_client import Scripts, connect


@pytest.fixture
async def real(valkey):
    made = connect(valkey)
    yield made
    await made.aclose()


async def test_answers_come_in_the_order_of_the_calls(real) -> None:
    """The store may restart between two calls, and then it knows no script any more."""
    scripts = Scripts(real)
    calls = [([f"zx:lease:{{1}}:9{number}"], [number]) for number in range(1, 6)]
    assert await scripts.run_many("reseed", calls) == [1, 2, 3, 4, 5]
    await real.script_flush()
    assert await scripts.run_many("reseed", calls) == [1, 2, 3, 4, 5]
