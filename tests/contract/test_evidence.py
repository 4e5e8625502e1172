"""Evidence: blobs that come back as they were put until they are deleted, and say nothing about anybody."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from proctor.adapters.evidence_files import FileEvidence
from proctor.adapters.memory import MemoryEvidence, MemoryFaceKeys
from proctor.errors import Refused, Unavailable

WHO = {"kind": "burst", "institution_id": 42, "learner_id": 4711}


@pytest.fixture(params=["memory", "files"])
def evidence(request, tmp_path: Path):
    return MemoryEvidence() if request.param == "memory" else FileEvidence(tmp_path, MemoryFaceKeys())


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 4_000], ids=["empty", "small", "large"])
async def test_what_was_put_comes_back(evidence, data: bytes) -> None:
    assert await evidence.get(await evidence.put(data, **WHO)) == data


async def test_ids_are_never_used_again_and_name_nobody(evidence) -> None:
    ids = [await evidence.put(b"same", **WHO) for _n in range(50)]
    assert len(set(ids)) == 50 and all(re.fullmatch(r"[0-9a-f]{32}", one) for one in ids)
    await evidence.delete(ids[0])
    assert await evidence.put(b"same", **WHO) not in ids


async def test_what_was_deleted_is_gone_and_deleting_again_is_no_error(evidence) -> None:
    one, other = await evidence.put(b"one", **WHO), await evidence.put(b"other", **WHO)
    await evidence.delete(one)
    await evidence.delete(one)
    with pytest.raises(Refused, match="evidence_gone"):
        await evidence.get(one)
    assert await evidence.get(other) == b"other"


@pytest.mark.parametrize("unknown", ["0" * 32, "", "../../secrets/field.key", "x" * 300, "\0"])
async def test_what_never_was_is_gone_and_deleting_it_is_no_error(evidence, unknown: str) -> None:
    """Files raised for an id of another shape, where memory did nothing."""
    with pytest.raises(Refused, match="evidence_gone"):
        await evidence.get(unknown)
    await evidence.delete(unknown)


async def test_many_at_once_do_not_mix(evidence) -> None:
    ids = await asyncio.gather(*(evidence.put(str(n).encode(), **WHO) for n in range(30)))
    assert await asyncio.gather(*(evidence.get(one) for one in ids)) == [str(n).encode() for n in range(30)]


async def test_files_are_sealed_readable_by_the_owner_only_and_bound_to_their_id(tmp_path: Path) -> None:
    evidence = FileEvidence(tmp_path, MemoryFaceKeys())
    first, second = await evidence.put(b"a picture", **WHO), await evidence.put(b"another one", **WHO)
    files = {path.name: path for path in tmp_path.rglob("*") if path.is_file()}
    assert set(files) == {first, second}
    for path in files.values():
        assert path.stat().st_mode & 0o077 == 0 and b"picture" not in path.read_bytes()
    files[first].write_bytes(files[second].read_bytes())
    with pytest.raises(AssertionError, match="altered"):
        await evidence.get(first)


async def test_a_disk_that_does_not_take_it_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "no folder").write_bytes(b"")
    evidence = FileEvidence(tmp_path / "no folder", MemoryFaceKeys())
    for call in (evidence.put(b"x", **WHO), evidence.get("0" * 32), evidence.delete("0" * 32)):
        with pytest.raises(Unavailable):
            await call
