"""The learner's certificate: on the page, as a file that verifies, and nobody else's."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from proctor.adapters.signer import verifies
from tests.web.conftest import Site


async def test_a_learner_reads_and_downloads_the_own_certificate_and_no_other(site: Site) -> None:
    person = await site.person("learner")
    assert "/consent/certificates/1" in await person.page("/consent")
    text = await person.page("/consent/certificates/1")
    assert "人脸信息删除证明" in text and "撤回同意" in text and "ZX-" in text
    async with person.http.get("/consent/certificates/1.json") as answer:
        found = json.loads(await answer.text())
        assert answer.headers["Cache-Control"] == "no-store" and "attachment" in answer.headers["Content-Disposition"]
    assert verifies(found["public_key"], found["certificate"].encode(), found["signature"])
    assert hashlib.sha256(found["certificate"].encode()).hexdigest() == found["sha256"]
    other = await site.person("learner", site.there)
    for number in ("1", "999"):
        async with other.http.get(f"/consent/certificates/{number}") as answer:
            assert answer.status == 404
        async with other.http.get(f"/consent/certificates/{number}.json") as answer:
            assert answer.status == 404 and (await answer.json())["error"]["code"] == "not_found"


async def test_somebody_outside_verifies_a_certificate_with_the_published_key(site: Site, tmp_path: Path) -> None:
    """By openssl alone, as the file itself says, and with the platform's key rather than the one in the file."""
    person, outsider = await site.person("learner"), await site.person()
    async with person.http.get("/consent/certificates/1.json") as answer:
        found = json.loads(await answer.text())
    async with outsider.http.get("/keys/certificates.pem") as answer:
        assert answer.status == 200
        (tmp_path / "certificates.pem").write_bytes(await answer.read())
    (tmp_path / "signature").write_bytes(bytes.fromhex(found["signature"]))
    order = next(line for line in found["verify"] if line.startswith("openssl"))
    for body, good in ((found["certificate"], True), (found["certificate"].replace("ZX-", "ZY-"), False)):
        (tmp_path / "body").write_text(body, "utf-8")
        done = subprocess.run(order.split(), cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode == 0) is good, done.stderr
