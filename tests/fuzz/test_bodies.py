"""JSON bodies and forms of the API: carried out or refused with a documented code, never our failure."""

from __future__ import annotations

import json

import msgspec
from hypothesis import strategies as st

from proctor.gateway.tickets import StartTicket
from tests.fuzz.budget import damaged, fuzz, json_values
from tests.fuzz.house import House, told
from web import context

KINDS = ["application/json"] * 9 + ["application/json; charset=utf-16", "text/plain", "", "application/x-json"]


def test_whatever_json_a_program_sends_is_carried_out_or_refused_in_words(house: House) -> None:
    here = house.here
    start = StartTicket(
        learner_id=here.world.learner, lesson_id=here.world.lesson, class_id=1, institution_id=here.world.institution,
        login_id="", account_version=1, device_id="d", page_id="p", device_kind="pc", host=True, jti="j",
        expires_ms=context.now_ms() + 3_600_000,
    )  # fmt: skip
    lesson, learner = here.world.lesson, here.logins["learner"]
    host = {"Authorization": f"Bearer {here.host_key}"}
    valid: dict[str, tuple[dict[str, str], dict]] = {
        f"/api/v1/lessons/{lesson}/ticket": (house.learner, {"page_id": "page_0123456789"}),
        "/api/v1/host/tickets": (host, {"login": learner, "lesson_id": lesson}),
        f"/api/v1/embed/{lesson}": ({}, {"ticket": house.deps.tickets.mint_start(start)}),
    }
    fields = st.sampled_from(["page_id", "login", "lesson_id", "ticket", "x"])
    made = st.dictionaries(fields, json_values, max_size=4).map(lambda value: json.dumps(value).encode())

    @st.composite
    def requests(draw) -> tuple[str, str, bytes]:
        path = draw(st.sampled_from(sorted(valid)))
        right = st.just(msgspec.json.encode(valid[path][1]))
        mixed = json_values.map(
            lambda value: json.dumps({**valid[path][1], next(iter(valid[path][1])): value}).encode()
        )
        body = draw(st.one_of(damaged(right), mixed, made, st.binary(max_size=40)))
        return path, draw(st.sampled_from(KINDS)), body

    def check(given: tuple[str, str, bytes]) -> str:
        path, kind, body = given
        return told(house.ask("POST", path, {"Content-Type": kind, **valid[path][0]}, body))

    seen = fuzz("bodies", requests(), check)
    assert {"fine", "form_wrong"} <= seen.keys()
