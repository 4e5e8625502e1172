"""Whatever the client raises becomes one word; scripts load themselves again after a restart of the store."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from proctor.adapters.redis_client import Scripts, connect, redis_time_ms, text, translated
from proctor.errors import Unavailable


@pytest.mark.parametrize(
    "error", [RedisConnectionError, RedisTimeoutError, ResponseError, RedisClusterException, OSError]
)
def test_errors_of_the_client_are_unavailable_and_say_no_more_than_their_kind(error: type[Exception]) -> None:
    with pytest.raises(Unavailable, match=f"redis is unavailable: {error.__name__}") as found, translated():
        raise error("redis://user:secret@host")
    assert "secret" not in str(found.value)


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(KeyError), translated():
        raise KeyError("ours")


async def test_a_script_survives_a_store_that_forgot_it(valkey: str) -> None:
    client = connect(valkey)
    try:
        scripts = Scripts(client)
        key = "zx:test:lease-of-scripts"
        assert await scripts.run("reseed", [key], [7]) == 7
        await client.script_flush()
        assert await scripts.run("reseed", [key], [5]) == 7
        await client.delete(key)
        assert abs(await redis_time_ms(client) - await redis_time_ms(client)) < 1_000
    finally:
        await client.aclose()


async def test_a_store_that_does_not_answer_is_unavailable(tmp_path) -> None:
    client = connect(f"unix://{tmp_path / 'none.sock'}")
    with pytest.raises(Unavailable):
        await redis_time_ms(client)
    with pytest.raises(Unavailable):
        await Scripts(client).run("release", ["k"], [1])
    await client.aclose()


def test_text_of_an_answer() -> None:
    assert [text(value) for value in (b"a", "a", None)] == ["a", "a", ""]


async def test_what_many_ask_at_once_goes_together_and_an_error_is_its_askers_own(valkey: str) -> None:
    client = connect(valkey)
    try:
        scripts = Scripts(client)
        await client.set("zx:test:together:text", "no number")
        before = await client.info("stats")
        keys = [f"zx:test:together:{index}" for index in range(50)]
        asked = [scripts.ask("SET", key, "1", "NX", "PX", 5_000) for key in keys]
        *answers, wrong = await asyncio.gather(
            *asked, scripts.ask("INCR", "zx:test:together:text"), return_exceptions=True
        )
        after = await client.info("stats")
        assert all(answers) and isinstance(wrong, Unavailable)
        reads = after["total_reads_processed"] - before["total_reads_processed"]
        assert reads <= 4, "fifty questions in few messages"
    finally:
        await client.delete("zx:test:together:text")
        await client.aclose()
