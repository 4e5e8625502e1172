"""Pictures: masked until opened, each opening an audit row of its own, never for another institution."""

from __future__ import annotations

import pytest

from tests.web.conftest import JPEG, Site


async def test_the_case_holds_no_picture_until_one_is_opened_and_each_opening_is_audited(site: Site) -> None:
    reviewer, administrator = await site.person("reviewer"), await site.person("administrator")
    text = await reviewer.page(f"/console/cases/{site.here.study.case}")
    assert "<img" not in text.split('id="evidence"')[1]
    for frame in (0, 1, 1):
        async with reviewer.http.get(f"/console/evidence/{site.here.evidence}?frame={frame}") as answer:
            assert answer.status == 200 and answer.content_type == "image/jpeg"
            assert answer.headers["Cache-Control"] == "no-store" and await answer.read() == JPEG
    audit = await administrator.page("/console/audit")
    assert audit.count("打开核验照片") == 3 and f"evidence:{site.here.evidence[:32]}" in audit


@pytest.mark.parametrize("role", ["reviewer", "administrator"])
async def test_pictures_of_another_institution_do_not_exist(site: Site, role: str) -> None:
    person = await site.person(role)
    before = await site.dump()
    async with person.http.get(f"/console/evidence/{site.there.evidence}") as answer:
        assert answer.status == 404 and (await answer.json())["error"]["code"] == "not_found"
    assert await site.dump() == before, "not even a row of the audit"


async def test_no_learner_opens_a_picture_not_even_the_own(site: Site) -> None:
    for who, status in (("learner", 403), ("", 401)):
        person = await site.person(who)
        async with person.http.get(f"/console/evidence/{site.here.evidence}") as answer:
            assert answer.status == status


# A number of 5,000 digits used to break the page: Python reads no longer ones.
@pytest.mark.parametrize("frame", ["2", "7", "8", "-1", "x", "", "1.0", "00", "0" * 5_000, "²"])
async def test_a_frame_that_is_not_there_is_not_found(site: Site, frame: str) -> None:
    person = await site.person("reviewer")
    async with person.http.get(f"/console/evidence/{site.here.evidence}", params={"frame": frame}) as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "not_found"


async def test_a_deleted_picture_says_so(site: Site) -> None:
    person = await site.person("reviewer")
    await site.deps.evidence.delete(site.here.evidence)
    async with person.http.get(f"/console/evidence/{site.here.evidence}") as answer:
        assert answer.status == 404 and (await answer.json())["error"]["code"] == "evidence_gone"
