"""The audit: administrators of the own institution, words for every deed, and an alarm when the chain breaks."""

from __future__ import annotations

import re

from sqlalchemy import update

from proctor.modules.audit.tables import audit
from tests.web.conftest import Site
from web.console.audit import ACTIONS
from web.render import HERE


def test_every_deed_that_is_written_has_its_words() -> None:
    root = HERE.parent
    text = "\n".join(f.read_text("utf-8") for part in ("web", "proctor") for f in (root / part).rglob("*.py"))
    # An audit row's action has three parts; those of forms end in what was chosen there.
    written = set(re.findall(r'action=f?"(\w+:\w+:[\w{}.]+)"', text))
    assert len(written) >= 7
    for action in written:
        prefix = action.split("{")[0]
        assert action in ACTIONS or ("{" in action and any(key.startswith(prefix) for key in ACTIONS)), action


async def test_rows_are_those_of_the_own_institution_and_say_who(site: Site) -> None:
    here, there = await site.person("administrator"), await site.person("administrator", site.there)
    await there.page("/console/audit")
    text = await here.page("/console/audit")
    # Signing in, and the certificate of a learner of this institution.
    assert text.count("<tr><td><time>") == 2 and "登录" in text and "测试0" in text
    assert "最近两千条已核对" in text
    assert "还没有记录" in await here.page("/console/audit?page=3")


async def test_a_changed_row_raises_the_alarm(site: Site) -> None:
    person = await site.person("administrator")
    async with site.deps.db.write() as conn:
        await conn.execute(update(audit).values(address="10.0.0.1"))
    assert "发现记录不连续" in await person.page("/console/audit")
