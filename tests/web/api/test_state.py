"""The state of a lesson as players and hosts read it: the same figures as the record page."""

from __future__ import annotations

from tests.web.conftest import Site


async def test_the_state_says_what_the_record_says(site: Site) -> None:
    person = await site.person("learner")
    async with person.http.get("/api/v1/lessons/1/state") as answer:
        body = await answer.json()
    assert body == {
        "lesson_id": 1, "duration_ms": 600_000, "complete": False, "earns": True, "why": "",
        "covered": [[0, 10_000]], "total_ms": 10_000, "final_ms": 6_000, "withheld_ms": 0, "void_ms": 0,
        "studying": None,
    }  # fmt: skip
    async with person.http.get(f"/api/v1/lessons/{site.here.world.unfiled}/state") as answer:
        body = await answer.json()
    assert (body["earns"], body["why"], body["total_ms"]) == (False, "unfiled", 0)


async def test_nobody_reads_the_state_of_others(site: Site) -> None:
    for who, lesson, status in (
        ("", 1, 401), ("reviewer", 1, 403), ("learner", site.there.world.lesson, 404), ("learner", 999_999, 404),
    ):  # fmt: skip
        person = await site.person(who)
        async with person.http.get(f"/api/v1/lessons/{lesson}/state") as answer:
            assert answer.status == status, (who, lesson)
            assert (await answer.json())["error"]["words"]
