"""Bugs put into the engine on purpose: the simulator must find each of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

MUTATIONS: dict = {}


@contextlib.contextmanager
def applied(name: str) -> Iterator[None]:
    """The engine with this bug in it; "" for the engine as it is."""
    if not name:
        yield
        return
    with MUTATIONS[name]():
        yield
