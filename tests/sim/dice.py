"""`secrets` from the seed: ids and nonces must repeat with it, and nothing else may roll dice meanwhile."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from random import Random


@contextlib.contextmanager
def seeded(random: Random) -> Iterator[None]:
    """All draws of the production code come from `random`."""
    fakes = {
        "token_hex": lambda count=32: f"{random.getrandbits(8 * count):0{2 * count}x}",
        "randbits": random.getrandbits,
        "randbelow": lambda most: random.randrange(most),
    }
    before = {name: getattr(secrets, name) for name in fakes}
    for name, fake in fakes.items():
        setattr(secrets, name, fake)
    try:
        yield
    finally:
        for name, real in before.items():
            setattr(secrets, name, real)
