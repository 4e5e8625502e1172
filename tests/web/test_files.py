"""Files: compressed, revalidated, without comments where phones pay for bytes; and nothing else of the disk."""

from __future__ import annotations

import asyncio

import brotli
import pytest

from tests.web.conftest import Site
from web.files import PLAYER, STATIC, without_comments
from web.vendor import ALLOWED, Vendor


async def test_a_file_is_sent_small_and_not_again_while_it_is_the_same(site: Site) -> None:
    person = await site.person()
    async with person.http.get("/static/base.css", headers={"Accept-Encoding": "br"}, compress=False) as answer:
        assert answer.headers["Content-Encoding"] == "br" and answer.headers["Vary"] == "Accept-Encoding"
        tag, text = answer.headers["ETag"], await answer.text()
    assert text == (STATIC / "base.css").read_text("utf-8")
    async with person.http.get("/static/base.css", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304 and not await answer.read()


async def test_modules_travel_without_comments_and_keep_their_line_numbers(site: Site) -> None:
    person = await site.person()
    async with person.http.get("/player/main.js") as answer:
        sent = await answer.text()
    source = (PLAYER / "main.js").read_text("utf-8")
    assert "/**" in source and "/**" not in sent
    assert sent.count("\n") == source.count("\n") and len(brotli.compress(sent.encode())) < len(source)
    kept = "const a = ' // no comment'; // it's kept\n"
    assert without_comments(f"// one\n/* two\n three */\n  {kept}") == f"\n\n\n{kept}"
    assert without_comments("if (a) { // gone\n  /** @type {B} */ (b).c();\n}\n") == "if (a) {\n(b).c();\n}\n"


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2f..%2fsetup.cfg", "/static/none.css", "/static/", "/static/.hidden.css", 
        "/static/base.css%00.js",
        "/player/..%2ftest%2fworld.js", "/player/core", "/player/main.ts", "/static/" + "a/" * 7 + "x.css",
        "/vendor/hls.js@0.0.0/dist/hls.light.min.js", "/vendor/axe-core@4.0.0/axe.min.js",
    ],
)  # fmt: skip
async def test_nothing_else_of_the_disk_is_served(site: Site, path: str) -> None:
    person = await site.person()
    async with person.http.get(path) as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "not_found"


async def test_scripts_of_others_stand_under_their_version_for_ever(site: Site) -> None:
    person = await site.person()
    vendor = await asyncio.to_thread(Vendor, STATIC.parents[1])
    assert not vendor.problems and vendor.packages.keys() == ALLOWED.keys()
    for name, path in (("hls.js", "dist/hls.light.min.js"), ("media-chrome", "dist/media-controller.js")):
        async with person.http.get(f"{vendor.base(name)}/{path}") as answer:
            assert answer.status == 200 and "immutable" in answer.headers["Cache-Control"]
        for wrong in ("package.json", "dist/../package.json", "dist/hls.js.map", "README.md"):
            async with person.http.get(f"{vendor.base(name)}/{wrong}") as answer:
                assert answer.status == 404, wrong
