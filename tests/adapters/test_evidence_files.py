"""Pictures on disk: sealed, whole or absent, never outside their folder."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from proctor.adapters.evidence_files import FileEvidence
from proctor.adapters.memory import MemoryFaceKeys
from proctor.errors import Refused, Unavailable

PICTURE = b"\xff\xd8\xff\xe0" + b"a face" * 500
ABOUT = {"kind": "burst", "institution_id": 1, "learner_id": 2}


@pytest.fixture
def evidence(tmp_path: Path) -> FileEvidence:
    return FileEvidence(tmp_path / "evidence", MemoryFaceKeys())


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "evidence").rglob("*") if path.is_file()]


async def test_a_picture_comes_back_and_lies_sealed_and_private(evidence: FileEvidence, tmp_path: Path) -> None:
    evidence_id = await evidence.put(PICTURE, **ABOUT)
    assert await evidence.get(evidence_id) == PICTURE
    (path,) = files(tmp_path)
    stored = path.read_bytes()
    assert path.name == evidence_id and b"a face" not in stored and PICTURE[:3] not in stored
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_what_is_deleted_is_gone_and_deleting_again_is_no_error(evidence: FileEvidence, tmp_path: Path) -> None:
    evidence_id = await evidence.put(PICTURE, **ABOUT)
    for _again in range(2):
        await evidence.delete(evidence_id)
    assert files(tmp_path) == []
    with pytest.raises(Refused, match="evidence_gone"):
        await evidence.get(evidence_id)


@pytest.mark.parametrize(
    "evidence_id", ["", "..", "../../etc/passwd", "a" * 31, "A" * 32, "/" + "a" * 31, "a" * 32 + "\n", "a" * 33]
)
async def test_an_id_that_is_none_never_becomes_a_path(
    evidence: FileEvidence, evidence_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "unlink", lambda *_words, **_more: pytest.fail("a file was reached for"))
    with pytest.raises(Refused, match="evidence_gone"):
        await evidence.get(evidence_id)
    await evidence.delete(evidence_id)  # deleting what is not there is no error


async def test_an_altered_or_exchanged_file_is_corruption(evidence: FileEvidence, tmp_path: Path) -> None:
    first, second = await evidence.put(PICTURE, **ABOUT), await evidence.put(b"another", **ABOUT)
    by_name = {path.name: path for path in files(tmp_path)}
    by_name[first].write_bytes(by_name[second].read_bytes())
    with pytest.raises(AssertionError, match="altered"):
        await evidence.get(first)
    by_name[second].write_bytes(b"short")
    with pytest.raises(AssertionError, match="altered"):
        await evidence.get(second)


async def test_a_disk_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="evidence"):
        await FileEvidence(tmp_path / "evidence", MemoryFaceKeys()).put(PICTURE, **ABOUT)
