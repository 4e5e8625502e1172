"""The frame of the player: what the page hands over, to whom, and nothing of it to a WebView without a ticket."""

from __future__ import annotations

import html
import json
import re

from tests.web.conftest import Site


def config(text: str) -> dict:
    found = re.search(r'data-config="([^"]+)"', text)
    assert found
    return json.loads(html.unescape(found.group(1)))


async def test_the_page_hands_the_player_what_counts_already_and_where_scripts_stand(site: Site) -> None:
    person = await site.person("learner")
    given = config(await person.page("/lessons/1"))
    assert given["covered"] == [[0, 10_000]] and given["total_ms"] == 10_000 and given["duration_ms"] == 600_000
    assert given["consent"] and not given["host"] and given["ticket_url"] == "/api/v1/lessons/1/ticket"
    assert given["record_url"] == "/records/lessons/1" and given["csrf"] == person.csrf
    for base, file in ((given["vendor"]["hls"], "dist/hls.light.min.js"),
                       (given["vendor"]["mediaChrome"], "dist/media-controller.js")):  # fmt: skip
        async with person.http.get(f"{base}/{file}") as answer:
            assert answer.status == 200


async def test_the_embedded_page_knows_nothing_and_may_stand_in_a_frame(site: Site) -> None:
    person = await site.person()
    async with person.http.get("/embed/1") as answer:
        text = await answer.text()
        assert "frame-ancestors *" in answer.headers["Content-Security-Policy"]
    given = config(text)
    assert given["host"] and given["title"] == "" and given["csrf"] == "" and given["covered"] == []
    assert 'href="/' not in text.split("<main")[1], "a host has no other pages of ours"
    # The same bytes for a lesson that does not exist: the address tells nothing.
    other = config(await person.page("/embed/999999"))
    assert {**other, "lesson_id": 1, "ticket_url": given["ticket_url"]} == given


async def test_the_device_check_says_where_to_go_on(site: Site) -> None:
    person = await site.person("learner")
    given = config(await person.page("/preflight"))
    assert given["next"] == "/learn" and given["state_url"] == "/livez" and not given["secure"]
