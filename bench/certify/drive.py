"""The controller's side of the load processes: start them, give orders, collect what they say."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench.certify import orders
from bench.certify.orders import CrowdPlan, Order, Shown, Word
from bench.certify.plan import Plan, shares
from bench.certify.seconds import Seconds
from bench.hosts import Hosts
from bench.world import World
from proctor import compose, supervisor
from proctor.settings import Settings

HERE = ("127.0.0.1",)
ADDRESSES_EACH = 2  # 28,000 ports an address: two for every load process leave room for those in TIME_WAIT
WORD_S = 1.0  # how often a load process speaks
READY_MOST_S = 30.0
ANSWER_MOST_S = 10.0  # an order that is carried out at once
LOAD_FIRST, SECOND_FIRST = 11, 201  # last parts of the source addresses
DIALING_MAX = 100  # of one process at once: what a house serves within the three seconds that a page waits
WORD_BYTES_MAX = 2**24


class Lines:
    """One load process."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, count: int) -> None:
        self.name = f"load-{number + 1}"
        self.process = process
        self.count = count
        self.word = Word()
        self.done: asyncio.Queue[str] = asyncio.Queue()

    async def tell(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        await self.process.stdin.drain()


class Crowds:
    """All load processes. `seconds` grows while they speak."""

    def __init__(self, raw: Path) -> None:
        self.lines: list[Lines] = []
        self.seconds = Seconds()
        self._raw = raw
        self._readers: list[asyncio.Task] = []

    @property
    def pids(self) -> dict[str, int]:
        return {one.name: one.process.pid for one in self.lines}

    @property
    def live(self) -> int:
        return sum(one.word.live for one in self.lines)

    @property
    def finished(self) -> int:
        return sum(one.word.finished for one in self.lines)

    @property
    def halted(self) -> int:
        return sum(one.word.halted for one in self.lines)

    @property
    def asked(self) -> int:
        return sum(one.word.asked for one in self.lines)

    @property
    def unanswered(self) -> int:
        return sum(one.word.unanswered for one in self.lines)

    @property
    def cpu_s(self) -> float:
        return sum(one.word.cpu_s for one in self.lines)

    @property
    def resumed_s(self) -> float:
        return max(one.word.resumed_s for one in self.lines)

    async def order(
        self, do, *, counts: list[int] | None = None, rate: float = 0.0, folder: Path | None = None,
        ends: Sequence[str] = (), since_s: float = 0.0,
    ) -> None:  # fmt: skip
        """To all of them. `rate` is of the whole crowd."""
        for number, one in enumerate(self.lines):
            count = counts[number] if counts else 0
            path = str(folder / f"{one.name}-learners.csv") if folder else ""
            given = Order(
                do=do, count=count, rate=rate / len(self.lines), path=path, ends=list(ends), since_s=since_s
            )
            await one.tell(orders.encode(given))

    async def done(self, what: str, seconds: float) -> bool:
        """Until all have carried it out; False when one has not after so long."""
        try:
            async with asyncio.timeout(seconds):
                for one in self.lines:
                    while await one.done.get() != what:
                        pass
        except TimeoutError:
            return False
        return True

    async def dial(self, count: int, rate: float, seconds: float) -> bool:
        """So many more of the learners come online. False when not all were welcomed in time."""
        await self.order("dial", counts=[len(part) for part in shares(count, len(self.lines))], rate=rate)
        return await self.done("dial", seconds)

    async def mark(self, ends: Sequence[str] = ()) -> None:
        """Those who hold these ends are counted apart from now on; without any, nobody is any more."""
        await self.order("mark", ends=ends)
        if not await self.done("mark", ANSWER_MOST_S):
            raise RuntimeError("a load process did not mark its learners")

    async def unearned(self, since_s: float) -> int:
        """How many who have not left for good had no counted answer to a beat that was due since then."""
        await self.order("unearned", since_s=since_s)
        told = await self.done("unearned", ANSWER_MOST_S)
        return sum(one.word.unearned if told else one.count for one in self.lines)

    async def due(self, count: int, rate: float) -> None:
        """A check of so many more of those who rest is about to fall due."""
        await self.order("due", counts=[len(part) for part in shares(count, len(self.lines))], rate=rate)

    async def read(self, one: Lines) -> None:
        assert one.process.stdout is not None
        with (self._raw / f"{one.name}.jsonl").open("ab") as kept:
            while line := await one.process.stdout.readline():
                kept.write(line)
                one.word = orders.read_word(line)
                for second in one.word.seconds:
                    self.seconds.add(second)
                if one.word.done:
                    one.done.put_nowait(one.word.done)

    async def heard(self, until_s: float) -> None:
        """Until everything up to that moment of the machine's clock was told."""
        await asyncio.sleep(max(0.0, until_s + orders.SECOND_KEPT_S + 2 * WORD_S - time.perf_counter()))


def addresses(hosts: Hosts | None) -> Sequence[str]:
    """Where learners find the gateways."""
    return [hosts.address(number) for number in range(hosts.count)] if hosts else HERE


@asynccontextmanager
async def crowds(
    plan: Plan, settings: Settings, world: World, raw: Path, *, second: bool = False, hosts: Sequence[str] = HERE,
    shown: Shown | None = None,
) -> AsyncIterator[Crowds]:  # fmt: skip
    """Load processes that have their plan and wait for orders. They dial `hosts` from addresses of that network.

    `second`: one process of phones for the first `concurrent` learners, who all come at the same moment.
    """
    made = Crowds(raw)
    raw.mkdir(parents=True, exist_ok=True)
    key, page = compose.keys_of(settings).ticket.hex(), secrets.token_hex(2)
    try:
        parts = [range(plan.concurrent)] if second else shares(plan.online, plan.loads)
        for number, part in enumerate(parts):
            process = await asyncio.create_subprocess_exec(
                *supervisor.python("-m", "bench.certify.crowd"), stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, limit=WORD_BYTES_MAX,
            )  # fmt: skip
            one = Lines(number, process, len(part))
            made.lines.append(one)
            made._readers.append(asyncio.create_task(made.read(one)))
            first = (SECOND_FIRST if second else LOAD_FIRST) + number * ADDRESSES_EACH
            network = hosts[0].rpartition(".")[0]
            addresses = [f"{network}.{first + step}" for step in range(ADDRESSES_EACH)]
            await one.tell(orders.encode(CrowdPlan(
                hosts=list(hosts), port=settings.ws_port, key=key, addresses=addresses, low=part.start,
                high=part.stop, first=world.first, institution=world.institution, class_id=world.class_id,
                lessons=list(world.lessons), beat_s=plan.beat_s, seed=number, page=page,
                device="phone" if second else "pc", dialing_max=len(part) if second else DIALING_MAX,
                shown=shown,
            )))  # fmt: skip
        if not await made.done("ready", READY_MOST_S):
            raise RuntimeError("a load process did not start")
        yield made
    finally:
        for one in made.lines:
            if one.process.stdin is not None:
                one.process.stdin.close()
        for one in made.lines:
            try:
                await asyncio.wait_for(one.process.wait(), 5)
            except TimeoutError:
                one.process.kill()
                await one.process.wait()
        await asyncio.gather(*made._readers, return_exceptions=True)
