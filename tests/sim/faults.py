"""What goes wrong, drawn for each seed: some kinds of fault are switched off, so that others come through."""

from __future__ import annotations

import asyncio

KINDS = (
    "gateway_crash", "gateway_freeze", "gateway_suspend", "gateway_drain", "worker_crash", "worker_freeze",
    "web_crash", "web_slow", "redis_suffix", "redis_all", "redis_down", "redis_flaky", "sql_stall", "sql_down",
    "sql_flaky", "sql_lies", "inbox_faults", "packet_loss", "redis_step", "host_step",
)  # fmt: skip


class Faults:
    """Carries the drawn faults out until `stop`; everything is then as it should be, and stays so."""

    def __init__(self, world, kinds: list[str]) -> None:
        self.world = world
        self.random = world.random
        self.kinds = kinds
        self.over = False
        self._mending: list[asyncio.Task] = []

    async def run(self) -> None:
        self._standing()
        while not self.over:
            await asyncio.sleep(2 + self.random.random() * 25)
            moments = [kind for kind in self.kinds if hasattr(self, f"_{kind}")]
            if self.over or not moments:
                continue
            kind = self.random.choice(moments)
            self.world.count(f"fault_{kind}")
            self.world.trace("fault", kind)
            self._mending.append(self.world.loop.create_task(getattr(self, f"_{kind}")()))

    def _standing(self) -> None:
        """Faults that are there all the time, a little."""
        world = self.world
        if "inbox_faults" in self.kinds:
            world.redis.inbox_faults = (0.2, 0.1, 0.2)
        if "packet_loss" in self.kinds:
            for person in world.people:
                for wire in getattr(person, "wires", []):
                    wire.jitter_p = 0.03
            world.losses.begins("late_line", 0)
        if "redis_flaky" in self.kinds:
            world.redis.fail_p, world.redis.lie_p = 0.02, 0.02
        if "sql_flaky" in self.kinds:
            world.sql.fail_p = 0.1
        if "sql_lies" in self.kinds:
            world.sql.lie_p = 0.1
        if "web_slow" in self.kinds:
            world.web.lost_p = 0.15
        for kind in ("inbox_faults", "packet_loss", "redis_flaky", "sql_flaky", "sql_lies", "web_slow"):
            if kind in self.kinds:
                world.count(f"fault_{kind}")

    async def stop(self) -> None:
        """No new faults; those under way are mended at once."""
        self.over = True
        for task in self._mending:
            task.cancel()
        world = self.world
        for store in (world.redis, world.sql):
            store.down = False
            store.fail_p = store.lie_p = 0.0
            store.lies_next = False
            store.stalled_until_ms = 0
        world.redis.inbox_faults = (0.0, 0.0, 0.0)
        world.web.lost_p = 0.0
        world.losses.ends("late_line", 0, 15_000)
        world.web.restart()
        for process in world.processes():
            # Hosts that are minutes apart take no start ticket of each other: that is a fault, and it ends.
            process.host.wall_step_ms = 0
            if process.frozen:
                process.thaw()
        world.fill_up()

    # Moments.

    def _some(self, things: list):
        alive = [one for one in things if one.process.runs]
        return self.random.choice(alive) if alive else None

    async def _gateway_crash(self) -> None:
        gateway = self._some(self.world.gateways)
        if gateway is not None:
            gateway.die()
            await asyncio.sleep(0.5 + self.random.random() * 4)
            self.world.fill_up()

    async def _gateway_drain(self) -> None:
        gateway = self._some(self.world.gateways)
        if gateway is not None and not gateway.closed:
            gateway.process.spawn(gateway.drain())
            await asyncio.sleep(4)
            self.world.fill_up()

    async def _freeze(self, thing, suspended: bool) -> None:
        if thing is None:
            return
        began_ms = self.world.loop.now_ms
        thing.process.freeze()
        try:
            await asyncio.sleep(self.random.choice([1, 4, 12, 33, 70]) * (0.5 + self.random.random()))
        finally:
            if suspended:
                thing.process.host.stopped_ms += self.world.loop.now_ms - began_ms
            # An answer of Redis that waited for the process tells a time of long ago: that is a step, too.
            self.world.stepped(self.world.loop.now_ms - began_ms)
            if thing.process.frozen:
                thing.process.thaw()

    async def _gateway_freeze(self) -> None:
        await self._freeze(self._some(self.world.gateways), False)

    async def _gateway_suspend(self) -> None:
        """The whole machine stands still: its monotonic clock does so, too."""
        await self._freeze(self._some(self.world.gateways), True)

    async def _worker_crash(self) -> None:
        worker = self._some(self.world.workers)
        if worker is not None:
            worker.die()
            await asyncio.sleep(1 + self.random.random() * 20)
            self.world.fill_up()

    async def _worker_freeze(self) -> None:
        await self._freeze(self._some(self.world.workers), False)

    async def _web_crash(self) -> None:
        self.world.web.die()
        await asyncio.sleep(0.5 + self.random.random() * 14)
        self.world.web.restart()

    async def _redis_suffix(self) -> None:
        """A failover to a replica that had not yet seen the newest writes."""
        lost = self.world.redis.lose_suffix(int(self.random.random() * 2_500))
        self.world.count("redis_writes_lost", lost)

    async def _redis_all(self) -> None:
        self.world.redis.lose_everything()

    async def _redis_down(self) -> None:
        redis = self.world.redis
        redis.down = True
        await asyncio.sleep(self.random.choice([1, 3, 10, 28]) * (0.5 + self.random.random()))
        if self.random.random() < 0.5:
            self.world.count("redis_writes_lost", redis.lose_suffix(int(self.random.random() * 1_500)))
        redis.down = False

    async def _sql_stall(self) -> None:
        sql = self.world.sql
        sql.stalled_until_ms = self.world.loop.now_ms + int(self.random.random() * 20_000)
        sql.lies_next = self.random.random() < 0.5

    async def _sql_down(self) -> None:
        sql = self.world.sql
        sql.down = True
        await asyncio.sleep(self.random.choice([1, 4, 15, 40]) * (0.5 + self.random.random()))
        sql.down = False
        # Back again, and gone before it has answered: all that waited is sent once more.
        sql.lies_next = True

    async def _redis_step(self) -> None:
        step_ms = self.random.choice([-60_000, -5_000, -300, 300, 5_000, 60_000])
        self.world.redis.step_ms += step_ms
        self.world.stepped(step_ms)

    async def _host_step(self) -> None:
        """Wall time of one host steps: tickets are minted and read by it, credit must not notice."""
        things = [*self.world.gateways, self.world.web]
        self.random.choice(things).host.wall_step_ms += self.random.choice([-20_000, -2_000, 2_000, 20_000])
