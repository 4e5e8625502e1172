"""SIGTERM to a gateway in the middle of study: its learners move on, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from proctor import compose
from proctor.settings import load
from tests.client import Study
from tests.processes.test_study import passed, play
from tests.stack import Stack

pytestmark = pytest.mark.processes

DRAIN_S = 3.0  # the default of `drain_ms`
MORE_S = 4.0


async def gateway_with_the_learner(stack: Stack) -> tuple[int, int]:
    """Process id and admin port of the gateway that holds the only session."""
    async with compose.nodes(load({}, data=str(stack.data))) as registry, aiohttp.ClientSession() as http:
        for node in await registry.all():
            if node["kind"] != "gateway":
                continue
            # One that ended a moment ago stands in the registry for some seconds more.
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{node['admin_port']}/metrics") as answer:
                    if re.search(r"^zhenxue_sessions 1$", await answer.text(), re.M):
                        return int(node["pid"]), int(node["admin_port"])
    raise AssertionError("no gateway has the learner")


async def readiness(admin_port: int) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{admin_port}/readyz") as answer:
        return answer.status


def exit_codes(stack: Stack) -> list[int]:
    """Of the gateways that ended, as the supervisor logged them."""
    lines = [json.loads(line) for line in stack.log().splitlines() if '"child_died"' in line]
    return [line["code"] for line in lines if line["child"].startswith("gateway")]


async def dial_at_once(study: Study) -> None:
    """As the player does: within `in_ms`, with what it played since its newest durable beat."""
    await study.drop()
    await study.resume([(study.pos - 1_000, study.pos)])


async def stay_until_closed(study: Study) -> None:
    """As a slow client does: the gateway closes, and has taken all it acknowledged along by then."""
    code, _reason = await study.until_closed(DRAIN_S)
    assert code == 4000
    await study.resume()


@pytest.mark.parametrize("move_on", [dial_at_once, stay_until_closed])
async def test_a_gateway_that_is_told_to_end_hands_its_learners_over(stack: Stack, move_on) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        await play(study, 2)
        pid, admin_port = await gateway_with_the_learner(stack)
        assert await readiness(admin_port) == 200
        before, started = len(exit_codes(stack)), time.monotonic()
        os.kill(pid, signal.SIGTERM)
        drain = await study.hear("drain")
        assert 0 < drain["in_ms"] <= DRAIN_S * 1_000
        assert await readiness(admin_port) == 503
        await asyncio.sleep(1.01)
        await study.beat("beat", 1_000)
        assert study.ack["counting"] and study.ack["total_ms"] == 3_000
        await move_on(study)
        assert study.welcome["total_ms"] == 3_000, "what was acknowledged stays"
        await play(study, 2)
        assert study.ack["counting"] and study.ack["total_ms"] == 5_000
        while Path(f"/proc/{pid}").exists() or len(exit_codes(stack)) == before:
            assert time.monotonic() - started < DRAIN_S + MORE_S, "the gateway does not end"
            await asyncio.sleep(0.05)
        assert exit_codes(stack)[before:] == [0]
        await study.leave()
        await stack.stored(person.account, 1, provisional_ms=5_000)
    await stack.ready()
