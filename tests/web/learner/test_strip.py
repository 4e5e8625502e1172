"""The strip and the chart as text: every stretch drawn in its pattern, in its place, with its words."""

from __future__ import annotations

import re

import pytest

from proctor.modules.reviews.service import Decision, Reviews
from proctor.modules.study.queries import lesson_record
from tests.web.conftest import Site
from web.learner.chart import bars
from web.learner.strip import PATTERNS, Part, Tick, draw, ticks_of
from web.learner.words import KINDS


def test_every_fate_has_a_pattern_of_its_own_beside_its_colour() -> None:
    drawn = {
        kind: re.findall(r"<rect ((?:class|fill)=[^ ]+)", draw(10_000, [Part(0, 5_000, kind, kind)], [], "x"))[-1]
        for kind in KINDS
    }
    assert len(set(drawn.values())) == len(KINDS)
    for kind in ("provisional", "waiting", "withheld", "void"):
        assert f'id="zx-{kind}"' in PATTERNS and drawn[kind] == f'fill="url(#zx-{kind})"'


def test_stretches_stand_where_they_were_and_the_smallest_is_seen() -> None:
    parts = [Part(150_000, 300_000, "final", "一半", "#s150000"), Part(599_000, 600_000, "void", "一秒 <b>")]
    svg = str(draw(600_000, parts, [Tick(0, True, "通过"), Tick(600_000, False, "没有")], "标签 <i>"))
    assert 'x="25.00%"' in svg and 'width="25.00%"' in svg and '<a href="#s150000" tabindex="-1">' in svg
    assert 'x="99.83%"' in svg and 'width="0.60%"' in svg
    assert 'class="tick passed" cx="1.50%"' in svg and 'class="tick" cx="98.50%"' in svg, "ticks are never cut"
    assert "一秒 &lt;b&gt;" in svg and "<i>" not in svg


@pytest.mark.parametrize(
    ("duration_ms", "labels"),
    [
        (0, []), (60_000, ["00:00", "00:30"]), (180_000, ["00:00", "01:00", "02:00"]),
        (2_700_000, ["00:00", "10:00", "20:00", "30:00", "40:00"]),
        (7_200_000, ["00:00", "30:00", "1:00:00", "1:30:00"]),
    ],
)  # fmt: skip
def test_the_axis_has_few_round_labels(duration_ms: int, labels: list[str]) -> None:
    assert re.findall(r"<text[^>]*>([^<]*)</text>", draw(duration_ms, [], [], "")) == labels


def test_a_chart_needs_something_to_draw_and_names_its_highest_day() -> None:
    assert not bars([], "每天", str) and not bars([("2026-11-23", 0)], "每天", str)
    svg = str(bars([("2026-11-23", 760_000), ("2026-11-24", 1)], "每天", str))
    assert svg.count("<rect") == 2 and ">12 分 40 秒</text>" in svg and ">11/24</text>" in svg
    assert 'height="2"' in svg, "a day with anything at all is seen"


def test_a_chart_of_many_days_names_a_few_and_the_newest_and_cuts_no_words() -> None:
    days = [(f"2026-11-{day:02d}", 60_000) for day in range(1, 15)]
    svg = str(bars(days, "每天", str))
    assert re.findall(r">(11/\d+)</text>", svg) == ["11/2", "11/4", "11/6", "11/8", "11/10", "11/12", "11/14"]
    assert svg.count("1 分钟</text>") == 1, "of equal days the first one is named, so that no words overlap"
    assert 'text-anchor="start"' in svg and 'text-anchor="end"' in str(bars([*days, ("2026-11-15", 90_000)], "", str))


async def test_a_check_keeps_its_tick_after_people_decided_what_it_had_settled(site: Site) -> None:
    """The ledger names the last thing that changed a row: after a void the tick of the check was gone."""
    world, case = site.here.world, site.here.study.case
    reviews = Reviews(site.deps.db, site.deps.inbox)
    for account, action, version, spans in (
        (world.reviewer, "propose", 1, ((0, 10_000),)), (world.second_reviewer, "confirm", 2, ()),
    ):  # fmt: skip
        asked = Decision(case_id=case, action=action, reason="不是本人，请核减。", version=version, spans=spans)
        done = await reviews.decide(institution_id=world.institution, account_id=account, decision=asked)
        assert done.done
    async with site.deps.db.read() as conn:
        record = await lesson_record(conn, world.learner, world.lesson)
    assert {row.settled_by.partition(":")[0] for row in record.ledger} == {"decision"}
    assert [(tick.at_ms, tick.passed) for tick in ticks_of(record, str)] == [(10_000, False), (6_000, True)]
    person = await site.person("learner")
    text = await person.page("/records/lessons/1")
    assert text.count('<circle class="tick') == 2 and text.count('<circle class="tick passed"') == 1
