"""The document describes every route of the API, and every refusal of the code it promises can be looked up."""

from __future__ import annotations

from tests.web.conftest import Site
from web.api.openapi import build
from web.routes import TABLE


async def test_the_document_is_served_and_names_every_route_of_the_api(site: Site) -> None:
    person = await site.person()
    async with person.http.get("/openapi.json") as answer:
        assert answer.status == 200 and answer.content_type == "application/json"
        document = await answer.json()
    assert document == build() and document["openapi"].startswith("3.1")
    named = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert {route.name for route in TABLE if route.path.startswith("/api/")} <= named


def test_every_operation_with_a_session_asks_for_the_token_and_every_part_of_a_path_is_described() -> None:
    for path, methods in build()["paths"].items():
        for method, operation in methods.items():
            names = {part["name"] for part in operation["parameters"] if part["in"] == "path"}
            assert all(f"{{{name}}}" in path for name in names) and path.count("{") == len(names)
            tokens = [part for part in operation["parameters"] if part["name"] == "X-CSRF"]
            assert bool(tokens) == (method == "post" and operation.get("security") == [{"session": []}])
