"""One running system for most process tests; every test studies with accounts of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.stack import Stack

# Checks come after two seconds of study and their window is short: rules are not changed, only their numbers.
STRICT = {
    "check_every_ms_min": 2_000, "check_every_ms_max": 2_000, "check_window_ms": 6_000, "check_reuse_ms": 0,
    "check_again_ms": 1_000,
}  # fmt: skip


def running(stack: Stack) -> Iterator[Stack]:
    """Started and stopped outside the tests' event loops."""
    runner = asyncio.Runner()
    runner.run(stack.__aenter__())
    try:
        yield stack
    finally:
        runner.run(stack.__aexit__())
        runner.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[Stack]:
    """`proctor up` with a beat a second."""
    yield from running(Stack(tmp_path_factory.mktemp("up"), gateways=2))


@pytest.fixture(scope="module")
def strict(tmp_path_factory) -> Iterator[Stack]:
    """The same with quick checks."""
    yield from running(Stack(tmp_path_factory.mktemp("strict"), policy=STRICT))
