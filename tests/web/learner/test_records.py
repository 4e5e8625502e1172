"""The record: totals that add up by lesson and by day, every stretch explained, appeals filed from it."""

from __future__ import annotations

import re

import pytest

from proctor.adapters.sql_records import SqlRecords
from proctor.core.facts import CheckKind, Outcome, Reason, Refused, Status
from proctor.ports import SeatWrite
from tests.details import details, faults
from tests.modules.studies import DAY
from tests.web.conftest import Site
from tests.world import NOW_MS
from web.learner import words


def test_every_fate_reason_and_outcome_has_its_words() -> None:
    assert {str(status) for status in Status} | {"uncounted"} == words.KINDS.keys() == words.MEANINGS.keys()
    assert {str(reason) for reason in Reason} <= words.REASONS.keys()
    assert {str(kind) for kind in CheckKind} == words.CHECK_KINDS.keys()
    assert {str(outcome) for outcome in Outcome} <= words.OUTCOMES.keys()
    assert details() - faults() == words.DETAILS.keys(), "what waits for a person says why"


def test_who_matched_and_cannot_turn_does_not_read_that_the_picture_was_poor() -> None:
    assert words.settled(str, "unclear", "cannot_act") == "面部比对已通过，没有做动作，已提交人工核验"
    assert words.settled(str, "unclear", "broken_arm") == "已提交人工核验"
    assert words.settled(str, "our_fault", "too_late") == words.OUTCOMES["our_fault"]
    assert "看清" not in words.MEANINGS["waiting"], "there are many reasons to wait"


async def refused(site: Site, from_ms: int, to_ms: int, reason: Reason) -> None:
    """A run that the learner of `here` saw and that did not count."""
    world = site.here.world
    fact = Refused(
        lesson_id=world.lesson, at_ms=NOW_MS, cause="beat:9", from_ms=from_ms, to_ms=to_ms,
        ms=to_ms - from_ms, reason=reason, from_at_ms=NOW_MS, beats=3,
    )  # fmt: skip
    item = SeatWrite(
        learner_id=world.learner, lesson_id=world.lesson, fence=1, first=from_ms, facts=(fact,), state=None
    )
    (answer,) = await SqlRecords(site.deps.db).write([item])
    assert answer.matched


def sums(text: str) -> list[tuple[str, str]]:
    """Label and length of every line of a page's totals."""
    found = re.findall(r"<dt[^>]*>(?:<svg.*?</svg>)?\s*(.*?)</dt><dd[^>]*>(.*?)</dd>", text, re.S)
    return [(label.strip(), length) for label, length in found]


async def test_totals_of_lesson_day_and_all_are_the_same_and_add_up(site: Site) -> None:
    person = await site.person("learner")
    lesson = sums(await person.page("/records/lessons/1"))
    assert lesson == [("已生效", "6 秒"), ("待人工核验", "4 秒"), ("现在计入的合计", "10 秒")]
    days = await person.page("/records")
    assert sums(days) == lesson
    assert DAY in days and days.count("计入 10 秒") >= 2, "the day's sum and the lesson's line"


async def test_every_stretch_says_what_it_is_and_why(site: Site) -> None:
    await refused(site, 20_000, 70_000, Reason.HIDDEN)
    person = await site.person("learner")
    text = await person.page("/records/lessons/1")
    for range_, title, why in (
        ("00:00-00:06", "已生效", "途中核验：通过"), ("00:06-00:10", "待人工核验", "途中核验：光线太暗，没有看清"),
        ("00:20-01:10", "未计入", "页面不在前台"),
    ):  # fmt: skip
        (found,) = re.findall(rf"<summary>(?:(?!</summary>).)*{range_}(?:(?!</summary>).)*</summary>", text, re.S)
        assert title in found and why in found, range_
    assert text.count('action="/appeals"') == 2, "what is final needs no appeal"


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"words": "太短"}, 422, "至少 4 个字"), ({"words": "长" * 501}, 422, "500 个字以内"),
        ({"from_ms": "0", "to_ms": "6000"}, 409, "刚刚有变化"), ({"to_ms": "9000"}, 409, "刚刚有变化"),
        ({"from_ms": "-1"}, 400, "格式不对"), ({"lesson_id": "999999"}, 404, "没有找到这节课"),
    ],
)  # fmt: skip
async def test_an_appeal_that_cannot_be_taken_says_why_and_keeps_what_was_typed(
    site: Site, form: dict[str, str], status: int, said: str
) -> None:
    person = await site.person("learner")
    await person.page("/records/lessons/1")
    before = await site.dump()
    asked = {"lesson_id": "1", "from_ms": "6000", "to_ms": "10000", "words": "当时一直在看", **form}
    answered, text = await person.post("/appeals", **asked)
    assert answered == status and said in text
    assert status != 422 or asked["words"] in text
    assert await site.dump() == before


async def test_an_appeal_stands_on_the_record_and_in_the_queue_and_not_twice(site: Site) -> None:
    person, reviewer = await site.person("learner"), await site.person("reviewer")
    await person.page("/records/lessons/1")
    form = {"lesson_id": "1", "from_ms": "6000", "to_ms": "10000", "words": "当时一直在看，光线不好 <b>"}
    status, text = await person.post("/appeals", **form)
    assert status == 200 and "申诉已提交" in text and "正在等待处理" in text and "光线不好 &lt;b&gt;" in text
    status, text = await person.post("/appeals", **form)
    assert status == 409
    queue = await reviewer.page("/console/cases?kind=appeal")
    assert queue.count('class="row"') == 1 and "学员申诉" in queue and ">4 秒</td>" in queue
    foreign = await site.person("reviewer", site.there)
    assert "学员申诉" not in await foreign.page("/console/cases?kind=appeal")


async def test_an_empty_record_teaches(site: Site) -> None:
    person = await site.person("learner")
    text = await person.page(f"/records/lessons/{site.here.world.unfiled}")
    assert "这节课还没有学习过的片段" in text and "开始学习</a>" in text
