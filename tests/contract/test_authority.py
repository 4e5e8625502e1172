"""`ports.IdentityAuthority`: an answer that is believed is signed, and answers to what was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from proctor.adapters.authority import HttpAuthority, LocalAuthority, authority_of
from proctor.demo import number_of_nobody
from proctor.errors import Unavailable
from proctor.ports import Claimed
from tests.authority import Simulator

KEY = b"a key of both sides"
CLAIMED = Claimed(name="陈小真", number=number_of_nobody(1), photo=b"\xff\xd8\xff photo", reference="enrolment-7")


@pytest.fixture
async def there() -> AsyncIterator[tuple[Simulator, HttpAuthority]]:
    simulator = Simulator(KEY)
    async with TestServer(simulator.app()) as server:
        authority = HttpAuthority(str(server.make_url("/ask")), KEY, timeout_s=0.5)
        yield simulator, authority
        await authority.close()


async def test_words_of_an_authority(there) -> None:
    simulator, authority = there
    assert await authority.ask(CLAIMED) == "unknown"
    simulator.register(CLAIMED.name, CLAIMED.number, CLAIMED.photo)
    assert await authority.ask(CLAIMED) == "same"
    simulator.register(CLAIMED.name, CLAIMED.number, b"another face")
    assert await authority.ask(CLAIMED) == "different"
    assert not authority.is_local and authority.name == "127.0.0.1"


@pytest.mark.parametrize("trouble", ["away", "slow", "unsigned", "other", "nonsense"])
async def test_what_is_no_proper_answer_is_unavailable(there, trouble: str) -> None:
    simulator, authority = there
    simulator.register(CLAIMED.name, CLAIMED.number, CLAIMED.photo)
    simulator.trouble = trouble
    with pytest.raises(Unavailable):
        await authority.ask(CLAIMED)
    simulator.trouble = ""
    assert await authority.ask(CLAIMED) == "same"


async def test_the_local_record_knows_no_face() -> None:
    assert await LocalAuthority().ask(CLAIMED) == "unknown"


def test_the_settings_name_the_authority(tmp_path) -> None:
    local = authority_of("", "")
    assert isinstance(local, LocalAuthority) and local.is_local
    (tmp_path / "key").write_bytes(KEY + b"\n")
    made = authority_of("https://id.example.cn/ask", str(tmp_path / "key"))
    assert made.name == "id.example.cn" and not made.is_local
