"""The page of numbers and documents: counts, the duty to file, and what is handed out with a trace in the audit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update

from proctor.modules.catalog.tables import classes
from proctor.modules.privacy.tables import filings
from tests.web.conftest import Site
from tests.world import NOW_MS


async def test_the_page_counts_this_institution_and_all_and_names_the_cipher(site: Site) -> None:
    person = await site.person("administrator")
    text = " ".join((await person.page("/console/privacy")).split())
    assert '<p class="big digits">2</p>' in text and "<dt>本机构</dt><dd>1</dd> <dt>全平台</dt><dd>2</dd>" in text
    assert "AES-256-GCM" in text and "80,000 · 90,000 · 100,000" in text and 'role="alert"' not in text
    async with person.http.get("/metrics") as answer:
        metrics = await answer.text()
    assert f'zhenxue_stored_faces{{institution="{site.here.world.institution}"}} 1\n' in metrics
    assert "zhenxue_stored_faces_level 0\n" in metrics


async def test_a_filing_that_is_due_stands_there_until_its_number_is_entered(site: Site) -> None:
    person = await site.person("administrator")
    async with site.deps.db.write() as conn:
        await conn.execute(delete(filings))
        row = {"level": 100_000, "persons": 100_001, "reached_ms": NOW_MS, "due_day": "2099-01-01"}
        one = (await conn.execute(insert(filings).values(**row).returning(filings.c.id))).scalar_one()
    assert "待备案" in await person.page("/console/privacy")
    stranger = await site.person("administrator", site.there)
    text = await stranger.page("/console/privacy")
    assert "待备案" in text and "由平台运营机构备案并登记" in text and "登记已备案" not in text
    status, _text = await stranger.post(f"/console/privacy/filings/{one}", reference="silenced")
    assert status == 404, "nobody but the operator silences the alarm of all"
    status, text = await person.post(f"/console/privacy/filings/{one}", reference="网信备 7 号")
    assert status == 200 and "网信备 7 号" in text and "待备案" not in text
    assert "登记已备案" in await person.page("/console/audit")
    assert (await person.post(f"/console/privacy/filings/{one}", reference="again"))[0] == 404
    reviewer = await site.person("reviewer")
    assert (await reviewer.post(f"/console/privacy/filings/{one}", reference="again"))[0] == 403


@pytest.mark.parametrize(
    ("path", "kind", "holds"),
    [
        ("register.html", "text/html", "个人信息处理活动记录"),
        ("register.md", "text/markdown", "## 人脸核验"),
        ("register.json", "application/json", '"rows"'),
        ("assessment.html", "text/html", "个人信息保护影响评估"),
        ("assessment.md", "text/markdown", "________"),
    ],
)
async def test_documents_are_made_of_what_is_stored_and_leave_a_trace(
    site: Site, path: str, kind: str, holds: str
) -> None:
    person = await site.person("administrator")
    async with person.http.get(f"/console/privacy/{path}") as answer:
        text = await answer.text()
        assert answer.status == 200 and answer.content_type == kind and holds in text
        assert answer.headers["Cache-Control"] == "no-store"
        assert kind == "text/html" or path in answer.headers["Content-Disposition"]
    assert ("生成处理活动记录" if "register" in path else "生成影响评估草稿") in await person.page("/console/audit")


async def test_the_assessment_names_the_model_that_judges_and_its_own_thresholds(site: Site, tmp_path: Path) -> None:
    """It printed the setting's 0.45 of a model whose recipe says another."""
    person = await site.person("administrator")

    async def draft(**given: object) -> str:
        for name, value in given.items():
            object.__setattr__(site.deps.settings, name, value)
        return await person.page("/console/privacy/assessment.html")

    text = await draft()
    assert "模型 sface-2021dec-int8bq，相似度达到 0.45 为通过，低于 0.36 为不符" in text
    assert "阈值按东亚人群数据设定" in text
    assert "阈值按东亚人群数据设定" not in await draft(match_accept=0.4)
    text = await draft(face_backend="dlib")
    assert "模型 dlib-resnet-v1，相似度达到 0.899 为通过，低于 0.82 为不符" in text
    recipe = {
        "name": "mine", "file": "mine.onnx", "sha256": "abcdef" * 10, "size": 512,
        "thresholds": {"accept": 0.61, "grey": 0.5, "same": 0.6},
    }  # fmt: skip
    (tmp_path / "mine.json").write_text(json.dumps(recipe))
    text = await draft(face_backend="own", face_recipe=str(tmp_path / "mine.json"))
    assert "模型 mine@abcdefabcdef，相似度达到 0.61 为通过，低于 0.5 为不符" in text
    assert "由运营者自定" in text


async def test_the_assessment_says_how_few_people_may_void_anywhere(site: Site) -> None:
    person, mine = await site.person("administrator"), classes.c.institution_id == site.here.world.institution
    assert "核减须至少 2 名" in await person.page("/console/privacy/assessment.html")
    async with site.deps.db.write() as conn:
        await conn.execute(update(classes).where(mine).values(policy='{"review_persons": 1}'))
    assert "核减须至少 1 名" in await person.page("/console/privacy/assessment.html")


async def test_documents_are_for_administrators(site: Site) -> None:
    for who, status in (("reviewer", 403), ("learner", 403), ("", 401)):
        person = await site.person(who)
        for path in ("register.html", "assessment.md"):
            async with person.http.get(f"/console/privacy/{path}") as answer:
                assert answer.status == status
    async with site.deps.db.read() as conn:
        assert (await conn.execute(select(filings.c.id))).all() == []
