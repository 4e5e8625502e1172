"""What a socket leaves behind. A gateway collects only the youngest generation: older circles would stay for ever."""

from __future__ import annotations

import asyncio
import gc

from proctor.core.session import Session
from proctor.gateway.connection import Connection
from proctor.live.learner import Learner
from tests.gateway.house import TEXT, gate, until

PLAY = b'{"t":"beat","seq":1,"kind":"play","pos":0,"playing":true,"ack":0,"nonce":""}'


def alive() -> int:
    return sum(type(one) in (Connection, Learner, Session) for one in gc.get_objects())


async def test_nothing_of_a_learner_who_left_waits_for_the_collector() -> None:
    async with gate() as gates:
        hub, stop = gates.house.hub, asyncio.Event()
        loops = [
            asyncio.create_task(hub.journal.run(stop)),
            asyncio.create_task(hub.keeper.run(stop, lambda: list(hub.learners.values()))),
        ]
        gc.collect()
        before = alive()
        gc.disable()
        try:
            for _again in range(20):
                raw = await gates.welcomed()
                raw.send(TEXT, PLAY)
                await raw.json()
                raw.hang_up()
            await until(lambda: not hub.learners)
            gates.house.clock.advance(gates.house.settings.idle_ms + 1)  # the last alarm of each goes off and is gone
            # The gateway's own loop may still name the last socket that it has looked at.
            await until(lambda: alive() <= before + 1)
        finally:
            gc.enable()
            stop.set()
            await asyncio.gather(*loops)
