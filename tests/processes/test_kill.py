"""Kill -9 in the middle of study: nothing durable is lost, and the learner goes on within 15 seconds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time

import aiohttp
import pytest
from websockets.exceptions import WebSocketException

from tests import pictures
from tests.client import Study
from tests.processes.test_study import passed, play
from tests.stack import Stack

pytestmark = pytest.mark.processes

GO_ON_S = 15.0


def kill(stack: Stack, kind: str) -> None:
    pids = stack.pids(kind)
    assert pids, f"no {kind} runs"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


async def come_back(study: Study, spans: list[tuple[int, int]]) -> None:
    """As the player does: dial again with what was played since the newest durable beat.

    A killed gateway may have taken the connection before it could answer: that ends without a handshake.
    """
    deadline = time.monotonic() + GO_ON_S
    while True:
        with contextlib.suppress(WebSocketException, OSError, TimeoutError):
            await study.resume(spans)
            return
        assert time.monotonic() < deadline, "the learner could not go on in time"
        await asyncio.sleep(0.3)


async def durable(study: Study) -> None:
    """Beat until the newest but one is durable."""
    for _try in range(6):
        await asyncio.sleep(1.01)
        await study.beat("beat", 1_000)
        if study.ack["durable"] >= study.seq - 1:
            return
    raise AssertionError("nothing becomes durable")


async def test_killed_gateways_cost_nothing_durable(tmp_path) -> None:
    """Both at once, in a system of their own: five deaths in a minute would end a run, and rightly so."""
    async with Stack(tmp_path / "pair", gateways=2) as stack, await stack.learner() as person:
        study = await passed(person)
        await play(study, 2)
        await durable(study)
        before_ms = study.ack["total_ms"]
        kill(stack, "gateway")
        assert study.socket is not None
        await asyncio.wait_for(study.socket.wait_closed(), 5)
        await go_on(study, before_ms)


async def test_a_killed_store_costs_nothing_durable(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        await play(study, 2)
        await durable(study)
        await asyncio.sleep(1.2)  # the newest beat is in the snapshot now; Valkey writes its file every second
        before_ms = study.ack["total_ms"]
        kill(stack, "valkey")
        # The socket stays; nothing becomes durable until the store is back.
        await asyncio.sleep(1)
        await study.drop()
        await go_on(study, before_ms)


async def go_on(study: Study, before_ms: int) -> None:
    """The same page continues, has what was durable, counts again, and becomes durable again."""
    # The newest beat may not have been durable: a player claims it again with what it played since.
    await come_back(study, [(study.pos - 1_000, study.pos + 1_000)])
    assert study.welcome["total_ms"] >= before_ms
    await play(study, 1)
    assert study.ack["counting"] or study.ack["why"] == "repeated"
    await durable(study)


async def test_without_the_web_a_learner_studies_on_and_even_reconnects(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await passed(person)
        kill(stack, "web")
        await play(study, 2)
        await study.drop()
        await come_back(study, [])
        await play(study, 1)
        assert study.ack["total_ms"] == 3_000
        await stack.ready(GO_ON_S)


async def test_a_killed_worker_only_delays_the_verdict(stack: Stack) -> None:
    async with await stack.learner() as person:
        study = await person.study(1)
        kill(stack, "faces")
        status, _body = await person.upload(await study.asked(), pictures.jpegs(pictures.moving_man()))
        assert status == 202
        verdict = await study.hear("verdict", GO_ON_S)
        assert verdict["go_on"], verdict
        await play(study, 2)
        assert study.ack["counting"] and study.ack["total_ms"] == 2_000


async def test_metrics_and_readiness_are_summed_over_all_processes(stack: Stack) -> None:
    await stack.ready(GO_ON_S)
    async with aiohttp.ClientSession() as http, http.get(f"{stack.url}/metrics") as answer:
        text = await answer.text()
    assert answer.status == 200 and "zhenxue_sockets" in text and "zhenxue_nodes" in text
