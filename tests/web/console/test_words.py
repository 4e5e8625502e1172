"""What a reviewer reads: every key of the core and of the face check has its words."""

from __future__ import annotations

import inspect
import re
from types import SimpleNamespace

import pytest

from proctor.core.facts import CheckKind, FlagKind, Outcome, Status
from proctor.faces import liveness, match, passive
from tests.details import details
from web.console import words


def test_every_key_of_the_core_has_its_words() -> None:
    assert {str(flag) for flag in FlagKind} == words.FLAGS.keys()
    assert {str(status) for status in Status} == words.STATUSES.keys()
    assert {str(kind) for kind in CheckKind} == words.CHECK_KINDS.keys()
    assert {str(outcome) for outcome in Outcome} <= words.OUTCOMES.keys()


def test_every_detail_has_its_words() -> None:
    assert details() == words.DETAILS.keys()


def test_who_matched_and_cannot_turn_did_not_fail() -> None:
    row = SimpleNamespace(cause="check:c1", detail="cannot_act")
    assert words.cause(str, row) == "面部比对通过，但学员表示做不了动作"  # type: ignore[arg-type]
    assert words.settled(str, "unclear", "cannot_act") == "面部比对通过，但学员表示做不了动作"
    assert words.settled(str, "missed", "no_camera") == "未应答"
    # A page may send a word of its own with which it declines.
    row = SimpleNamespace(cause="check:c1", detail="broken_arm")
    assert words.cause(str, row) == "这次核验需要人工确认"  # type: ignore[arg-type]


def test_every_cue_has_its_words() -> None:
    """Cues are added in many ways; each is a word in quotes of these modules."""
    said = "".join(inspect.getsource(module) for module in (liveness, match, passive))
    found = set(re.findall(r'(?:cues\.append\(|found\.append\(|cues=\(|CUE = )"(\w+)"', said))
    found |= set(re.findall(r'return "\w+", "(\w+)"', said)) | set(re.findall(r'else "(light)"', said))
    assert found == words.CUES.keys()
    row = SimpleNamespace(cues="planar replay")
    assert words.cues(str, row) == "供参考的疑点：转头时面部像平面照片、与以前的核验照片重复"  # type: ignore[arg-type]
    assert words.cues(str, SimpleNamespace(cues="")) == ""  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ms", "age"),
    [(0, "0 分钟"), (59_999, "0 分钟"), (760_000, "12 分钟"), (3_900_000, "1 小时"), (200_000_000, "2 天")],
)
def test_ages(ms: int, age: str) -> None:
    assert words.age(str, ms) == age


def test_places_in_a_lesson() -> None:
    assert words.between(380_000, 3_800_000) == "06:20–1:03:20"
    assert words.ranges(str, ((0, 6_000), (10_000, 70_000))) == "00:00–00:06、00:10–01:10"
