"""Pictures that learners show in their checks: few people, many captures. Load processes import it: it stays light.

A take is one sitting of one person: enough frames for one answer to any check. Learner n is person n of them in
turns, and each of a learner's answers comes from the next take: the judge knows captures that it has seen before.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

BOUNDARY = "zx-bench-burst"
STILLS_MS = (0, 350, 700)  # as the player takes them: player/src/core/burst.js
LEFT, RIGHT, CLOSER = "left", "right", "closer"

Plan = list[tuple[int, int]]  # (ms since the burst began, index into the actions or -1) of each frame


class Take(msgspec.Struct, frozen=True, array_like=True):
    """JPEG frames of one sitting."""

    straight: list[bytes]
    left: list[bytes]
    right: list[bytes]
    closer: list[bytes]

    def frames(self, actions: Sequence[str], plan: Plan) -> list[bytes]:
        """Those of one burst: for each moment the next one that shows what is asked for then."""
        used = {LEFT: 0, RIGHT: 0, CLOSER: 0, "": 0}
        found = []
        for _at_ms, number in plan:
            action = actions[number] if number >= 0 else ""
            frames = {LEFT: self.left, RIGHT: self.right, CLOSER: self.closer, "": self.straight}[action]
            found.append(frames[used[action] % len(frames)])
            used[action] += 1
        return found


class Person(msgspec.Struct, frozen=True, array_like=True):
    template: bytes  # 128 little-endian float32
    takes: list[Take]


class Album(msgspec.Struct, frozen=True, array_like=True):
    model: str
    people: list[Person]
    plans: dict[str, list[Plan]]  # by the actions with blanks between them: how the player would time them

    def person(self, number: int) -> Person:
        return self.people[number % len(self.people)]

    def burst(self, number: int, turn: int, actions: Sequence[str], dice: Random) -> tuple[Plan, bytes]:
        """Answer `turn` of learner `number`: when its frames are taken, and the body of its upload."""
        takes = self.person(number).takes
        plan = dice.choice(self.plans[" ".join(actions)]) if actions else [(at_ms, -1) for at_ms in STILLS_MS]
        return plan, body(takes[turn % len(takes)].frames(actions, plan), plan if actions else [])


def body(frames: Sequence[bytes], plan: Plan) -> bytes:
    """One multipart form, as docs/protocol.md has it. Only an active burst says when its frames were taken."""
    parts = [_part("source", b"camera")]
    if plan:
        parts.append(_part("shots", msgspec.json.encode(plan)))
    for number, frame in enumerate(frames):
        parts.append(_part(f"frame{number}", frame, f'; filename="{number}.jpg"', "Content-Type: image/jpeg\r\n"))
    return b"".join((*parts, f"--{BOUNDARY}--\r\n".encode()))


def _part(name: str, data: bytes, more: str = "", head: str = "") -> bytes:
    said = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{head}\r\n'
    return said.encode() + data + b"\r\n"


def read(path: Path) -> Album:
    return msgspec.msgpack.decode(path.read_bytes(), type=Album)


def write(album: Album, path: Path) -> None:
    """In one piece: whoever reads at the same time finds the whole of it, or nothing."""
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(msgspec.msgpack.encode(album))
    part.rename(path)
