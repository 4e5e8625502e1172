"""Keeping and deleting in the console: the clocks, duties of this institution, and certificates."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from proctor.adapters.signer import verifies
from proctor.modules.catalog.tables import classes
from proctor.modules.privacy.tables import duties
from tests.web.conftest import Site


def day(ahead: int) -> str:
    return (datetime.now(UTC) + timedelta(days=ahead)).strftime("%Y-%m-%d")


async def test_the_clocks_of_the_timer_are_shown_with_their_numbers(site: Site) -> None:
    text = await (await site.person("administrator")).page("/console/privacy/keeping")
    for part in ("最长保留 60 分钟", "30 天申诉期", "最长 180 天", "采集后最长 730 天"):
        assert part in text, part


async def test_a_duty_is_named_with_its_ground_and_ended_again(site: Site) -> None:
    person = await site.person("administrator")
    form = {"class": "all", "basis": "补贴办法第十条", "reason": "等待补贴审计", "until": day(90)}
    status, text = await person.post("/console/privacy/duties", **form)
    assert status == 200 and "补贴办法第十条" in text and "提前终止" in text
    async with site.deps.db.read() as conn:
        (row,) = (await conn.execute(select(duties))).all()
    assert row.class_id is None and row.institution_id == site.here.world.institution
    stranger = await site.person("administrator", site.there)
    assert "补贴办法第十条" not in await stranger.page("/console/privacy/keeping")
    assert (await stranger.post(f"/console/privacy/duties/{row.id}/end"))[0] == 404
    status, text = await person.post(f"/console/privacy/duties/{row.id}/end")
    assert status == 200 and "已结束" in text
    audit = await person.page("/console/audit")
    assert "登记留存职责" in audit and "终止留存职责" in audit


@pytest.mark.parametrize(
    ("more", "status"),
    [({"until": ""}, 400), ({"until": "2026-13-01"}, 400), ({"until": "9999-01-01"}, 400), ({"until": day(-2)}, 422),
     ({"until": day(800)}, 422), ({"basis": "x"}, 422), ({"class": "x"}, 400), ({"class": "9" * 18}, 404)],
)  # fmt: skip
async def test_a_duty_without_ground_or_end_is_none(site: Site, more: dict[str, str], status: int) -> None:
    person = await site.person("administrator")
    form = {"class": "all", "basis": "补贴办法第十条", "reason": "等待补贴审计", "until": day(90), **more}
    before = await site.dump()
    assert (await person.post("/console/privacy/duties", **form))[0] == status
    assert await site.dump() == before


async def test_classes_of_others_are_no_choice_here(site: Site) -> None:
    person = await site.person("administrator")
    async with site.deps.db.read() as conn:
        theirs = select(classes.c.id).where(classes.c.institution_id == site.there.world.institution)
        other = (await conn.execute(theirs)).scalar_one()
    form = {"class": str(other), "basis": "补贴办法第十条", "reason": "等待补贴审计", "until": day(90)}
    assert f'value="{other}"' not in await person.page("/console/privacy/keeping")
    assert (await person.post("/console/privacy/duties", **form))[0] == 404


async def test_a_certificate_is_shown_and_verifies_as_a_file_within_its_institution(site: Site) -> None:
    person = await site.person("administrator")
    assert "/console/privacy/certificates/1" in await person.page("/console/privacy/keeping")
    assert "人脸信息删除证明" in await person.page("/console/privacy/certificates/1")
    async with person.http.get("/console/privacy/certificates/1.json") as answer:
        assert "attachment" in answer.headers["Content-Disposition"]
        found = json.loads(await answer.text())
    assert verifies(found["public_key"], found["certificate"].encode(), found["signature"])
    stranger = await site.person("administrator", site.there)
    for path in ("/console/privacy/certificates/1", "/console/privacy/certificates/1.json"):
        async with stranger.http.get(path) as answer:
            assert answer.status == 404
