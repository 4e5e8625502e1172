"""The load process: players as raw sockets, in open or closed loop, measured from the intended send time.

It runs as `python -m bench.load` with a plan on standard input and speaks JSON lines: `ready` when every socket
is welcomed and has beaten, then it waits for `{"hold_s": …}`, then `held` with counts and histograms.

A player claims the media of the wall time since its previous beat, repeats the newest ack, and takes up the tail
that was granted short, as the real one does. Every `closes_every`-th beat closes its stretch (kind `rate`, at the
same rate): ninety beats are fifteen minutes, after which the rules close it anyway.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import sys
import time
from collections import Counter
from typing import Literal

import msgspec
import uvloop

from bench.frames import Reader, masked, upgrade
from bench.histogram import Histogram

SLOT_S = 0.01  # of the open loop's wheel
CLOSES_S = 1.0  # a player closes no more often: a snapshot carries few stretches that are not stored yet
BIND_LATE = 24  # IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect, so all addresses share no range


class Plan(msgspec.Struct, kw_only=True):
    """What one load process does. `addresses`: loopback source addresses, used in turn."""

    host: str
    port: int
    tickets: list[str]
    addresses: list[str]
    busy: int  # sockets of the closed loop; 0: open loop
    dialect: Literal["zhenxue", "plain", "socketio"] = "zhenxue"  # what the server behind the port speaks
    path: str = "/"
    period_s: float = 10.0
    closes_every: int = 90
    connecting_max: int = 64


class Answer(msgspec.Struct, tag_field="t", tag="ack", gc=False):
    """What a player needs of an ack."""

    seq: int
    nonce: str
    total_ms: int
    counting: bool
    why: str = ""
    short_ms: int = 0


class Greeting(msgspec.Struct, tag_field="t", tag="welcome", gc=False):
    nonce: str
    covered: list[tuple[int, int]]
    earns: bool


decode = msgspec.json.Decoder(Answer | Greeting).decode


class Player(asyncio.Protocol):
    """One socket of one learner."""

    __slots__ = (
        "load", "ticket", "reader", "transport", "opened", "seq", "nonce", "acked", "pos", "from_ms", "at_s",
        "due_s", "busy", "over", "closed_s",
    )  # fmt: skip

    def __init__(self, load: Load, ticket: str, busy: bool) -> None:
        self.load = load
        self.ticket = ticket
        self.busy = busy
        self.reader = Reader()
        self.opened: asyncio.Future | None = asyncio.get_running_loop().create_future()
        self.seq = self.acked = self.pos = self.from_ms = 0
        self.nonce = ""
        self.at_s = self.due_s = self.closed_s = 0.0
        self.over = False

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(upgrade(self.load.plan.host, self.load.plan.port, self.load.plan.path))

    def data_received(self, data: bytes) -> None:
        for payload in self.reader.feed(data):
            if payload is None:
                self._greeted()
            elif payload[:8] == b'{"t":"ac':
                self._acked(decode(payload))
            elif payload[:8] == b'{"t":"we':
                self._welcomed(decode(payload))
            else:
                self.load.others[payload[:60].decode(errors="replace")] += 1

    def _greeted(self) -> None:
        """The handshake is answered."""
        self.transport.write(masked(json.dumps({"t": "start", "v": 1, "ticket": self.ticket}).encode()))
        self.ticket = ""

    def _welcomed(self, frame: Greeting) -> None:
        assert frame.earns
        self.nonce = frame.nonce
        self.pos = self.from_ms = max((span[1] for span in frame.covered), default=0)
        self._ready()

    def _ready(self) -> None:
        if self.opened is not None:
            self.opened.set_result(True)
            self.opened = None

    def beat(self, due_s: float) -> None:
        """Send what was played since the last beat; `due_s` is when it should have been sent."""
        now_s = time.perf_counter()
        self.seq += 1
        kind = "beat"
        if self.seq == 1:
            kind, span = "play", "null"
        else:
            played_ms = int((now_s - self.at_s) * 1_000)
            self.pos += played_ms
            span = f"[{self.from_ms},{self.pos}]" if self.pos > self.from_ms else "null"
            if self.seq % self.load.plan.closes_every == self.load.phase and now_s - self.closed_s >= CLOSES_S:
                kind, self.closed_s = "rate", now_s
            # Whole milliseconds only: the rest is claimed with the next beat.
            now_ms_s = self.at_s + played_ms / 1_000
            self.at_s = now_ms_s
        if self.seq == 1:
            self.at_s = now_s
        self.due_s = due_s
        frames = self.seq * 25 % 250 + 1
        self._send(
            b'{"t":"beat","seq":%d,"ack":%d,"nonce":"%b","kind":"%b","pos":%d,"span":%b,"playing":true,'
            b'"visible":true,"focused":true,"pip":false,"frames":%d,"rate":1000,"signals":[]}'
            % (self.seq, self.acked, self.nonce.encode(), kind.encode(), self.pos, span.encode(), frames)
        )  # fmt: skip
        self.from_ms = self.pos

    def _send(self, payload: bytes) -> None:
        self.transport.write(masked(payload))

    def _acked(self, frame: Answer) -> None:
        self.acked, self.nonce = frame.seq, frame.nonce
        if frame.short_ms:
            self.from_ms = self.pos - frame.short_ms
        load = self.load
        load.acks += 1
        if load.holding:
            load.held_acks += 1
            load.latency.add(int((time.perf_counter() - self.due_s) * 1_000_000))
            if not frame.counting:
                load.uncounted[frame.why] += 1
        if self.busy and load.closing:
            self.beat(time.perf_counter())

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = True
        if not self.load.ending:
            self.load.lost += 1
            self.load.others[self.reader.close_reason()] += 1
        if self.opened is not None:
            self.opened.set_result(False)
            self.opened = None


class Plain(Player):
    """The same beats to a server without rules: whatever it sends is the answer to the newest beat."""

    def data_received(self, data: bytes) -> None:
        for payload in self.reader.feed(data):
            if payload is None:
                self._ready()
            else:
                self._acked(Answer(seq=self.seq, nonce="0" * 8, total_ms=0, counting=True))


class SocketIo(Plain):
    """The same beats as Socket.IO events over Engine.IO's WebSocket transport."""

    def data_received(self, data: bytes) -> None:
        for payload in self.reader.feed(data):
            if payload is None:
                continue
            if payload[:2] == b"42":
                self._acked(Answer(seq=self.seq, nonce="0" * 8, total_ms=0, counting=True))
            elif payload[:2] == b"40":
                self._ready()
            elif payload[:1] == b"0":
                self.transport.write(masked(b"40"))
            elif payload == b"2":
                self.transport.write(masked(b"3"))

    def _send(self, payload: bytes) -> None:
        self.transport.write(masked(b'42["beat",%b]' % payload))


PLAYERS = {"zhenxue": Player, "plain": Plain, "socketio": SocketIo}


class Load:
    """All players of this process."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.phase = plan.closes_every // 2
        self.players: list[Player] = []
        self.wheel: list[list[Player]] = [[] for _ in range(round(plan.period_s / SLOT_S))]
        self.others: Counter[str] = Counter()
        self.latency = Histogram()
        self.lateness = Histogram()
        self.acks = self.held_acks = self.lost = self.sent = 0
        self.uncounted: Counter[str] = Counter()
        self.holding = self.closing = self.ending = False

    async def connect_all(self) -> None:
        gate = asyncio.Semaphore(self.plan.connecting_max)
        async with asyncio.TaskGroup() as group:
            for number, ticket in enumerate(self.plan.tickets):
                await gate.acquire()
                group.create_task(self._connect(number, ticket, gate))

    async def _connect(self, number: int, ticket: str, gate: asyncio.Semaphore) -> None:
        loop = asyncio.get_running_loop()
        try:
            link = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            link.setblocking(False)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.setsockopt(socket.IPPROTO_IP, BIND_LATE, 1)
            link.bind((self.plan.addresses[number % len(self.plan.addresses)], 0))
            await loop.sock_connect(link, (self.plan.host, self.plan.port))
            player = PLAYERS[self.plan.dialect](self, ticket, number < self.plan.busy)
            opened = player.opened
            assert opened is not None
            await loop.create_connection(lambda: player, sock=link)
            if await opened:
                self.players.append(player)
                # The start phase is spread evenly, as the welcome's jitter does.
                self.wheel[number * 7_919 % len(self.wheel)].append(player)
        finally:
            gate.release()

    async def drive(self) -> None:
        """The open loop: every slot of the wheel once a period, whether or not answers came."""
        start_s = time.perf_counter()
        turn = 0
        while not self.ending:
            due_s = start_s + turn * SLOT_S
            wait_s = due_s - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            slot = self.wheel[turn % len(self.wheel)]
            if slot:
                self._send(slot, due_s)
            turn += 1

    def _send(self, slot: list[Player], due_s: float) -> None:
        for player in slot:
            if player.over or (player.busy and self.closing):
                continue
            player.beat(due_s)
            self.sent += 1
            if self.holding:
                self.lateness.add(int((time.perf_counter() - due_s) * 1_000_000))

    async def hold(self, seconds: float) -> dict:
        """Measure for so long."""
        self.latency, self.lateness = Histogram(), Histogram()
        self.held_acks = 0
        self.uncounted.clear()
        self.holding = True
        started_s = time.perf_counter()
        await asyncio.sleep(seconds)
        self.holding = False
        return {
            "acks": self.held_acks, "seconds": time.perf_counter() - started_s, "uncounted": dict(self.uncounted),
            "lost": self.lost, "latency": self.latency.to_json(), "lateness": self.lateness.to_json(),
            "others": dict(self.others), "cpu_s": time.process_time(),
        }  # fmt: skip

    def close(self) -> None:
        self.ending = True
        for player in self.players:
            player.transport.abort()


def say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def hear() -> dict:
    line = sys.stdin.readline()
    return json.loads(line) if line else {}


async def run(plan: Plan) -> None:
    load = Load(plan)
    driving = asyncio.create_task(load.drive())
    await load.connect_all()
    say(opened=len(load.players), refused=len(plan.tickets) - len(load.players), others=dict(load.others))
    # One whole period more, so that everybody has pressed play before anything is measured.
    await asyncio.sleep(plan.period_s)
    if plan.busy:
        load.closing = True
        for player in load.players:
            if player.busy and player.acked == player.seq:
                player.beat(time.perf_counter())
        await asyncio.sleep(1.0)
    say(ready=True, lost=load.lost, others=dict(load.others))
    while line := await asyncio.to_thread(hear):
        say(**await load.hold(line["hold_s"]))
    load.close()
    driving.cancel()


def main() -> None:
    gc.disable()  # a generator that pauses would blame the server for it
    plan = msgspec.convert(hear(), Plan)
    uvloop.run(run(plan))


if __name__ == "__main__":
    main()
