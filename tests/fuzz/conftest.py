"""One web application for the fuzz; its two institutions are built as for the web's own tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.fuzz.house import House, close_house, open_house
from tests.web.conftest import master  # noqa: F401


@pytest.fixture
def house(valkey: str, master, tmp_path) -> Iterator[House]:  # noqa: F811
    with asyncio.Runner() as runner:
        made = open_house(valkey, master, tmp_path, runner)
        yield made
        close_house(made)
