"""The pages of consent and privacy as full as they get: somebody who is asked, a child, duties, filings, requests."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select, update

from proctor.modules.accounts.tables import accounts
from proctor.modules.privacy import access, guardians, retaining, tables
from proctor.modules.privacy.tables import consents, erasures, filings
from tests.browser.cdp import Browser
from tests.browser.steps import sign_in
from tests.browser.test_pages import look
from tests.modules.test_privacy_minors import number, said
from tests.web.conftest import Site, master, site
from tests.world import NOW_MS, vault
from web.context import now_ms
from web.learner.consent import notice_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
__all__ = ["master", "site"]


async def make_young(site: Site) -> None:
    """Both learners are children, and have a phone."""
    world = site.here.world
    async with site.deps.db.write() as conn:
        sealed = vault().seal(number("20160101"), field="account.id_number")
        phone = vault().seal("14000000009", field="account.phone")
        mine = update(accounts).where(accounts.c.id.in_((world.learner, world.other_learner)))
        await conn.execute(mine.values(id_number_sealed=sealed, phone_sealed=phone))


async def furnish(site: Site) -> None:
    """The other learner's guardian waits, the same phone stands for another; the console has something of
    everything."""
    world, db = site.here.world, site.deps.db
    async with db.write() as conn:
        for level, persons, due in ((80_000, 80_003, ""), (100_000, 100_214, "2099-02-03")):
            row = {"level": level, "persons": persons, "reached_ms": NOW_MS, "due_day": due}
            await conn.execute(insert(filings).values(**row))
        row = {"why": "withdrawn", "asked_by": world.learner, "asked_ms": now_ms()}
        row |= {"institution_id": world.institution, "learner_id": world.other_learner}
        await conn.execute(insert(erasures).values(**row))
    for basis in ("某省职业培训补贴管理办法第二十一条及配套通知（2026 年修订）", "补贴办法"):
        await retaining.name_duty(
            db, institution_id=world.institution, account_id=world.reviewer, class_id=None, basis=basis,
            reason="补贴审计结束前须保存核验画面", until_ms=now_ms() + 90 * 86_400_000, now_ms=now_ms(),
        )  # fmt: skip
    for learner, province in ((world.learner, False), (world.other_learner, True)):
        await guardians.state(
            db, vault(), institution_id=world.institution, learner_id=learner, statement=said(province=province),
            notice=notice_of("zh-CN"), province=notice_of("zh-CN", "province"), now_ms=now_ms(),
        )  # fmt: skip
    await access.ask(
        db, institution_id=world.institution, account_id=world.second_reviewer, learner_id=world.learner,
        reason="核验画面与实名照片不符，需要当面核实前先看一次", now_ms=now_ms(),
    )  # fmt: skip


async def grow_up(site: Site) -> None:
    """The other learner's guardian agreed, and since then the learner has turned 14."""
    who = site.here.world.other_learner
    async with site.deps.db.write() as conn:
        sealed = vault().seal(number("20110101"), field="account.id_number")
        await conn.execute(update(accounts).where(accounts.c.id == who).values(id_number_sealed=sealed))
        row = {"learner_id": who, "purpose": "face_check", "choice": "given", "guardian_id": 1, "at_ms": now_ms()}
        row |= {"notice_version": notice_of("zh-CN").version, "notice_sha256": notice_of("zh-CN").sha256}
        await conn.execute(insert(consents).values(**row))
        mine = update(tables.guardians).where(tables.guardians.c.learner_id == who)
        await conn.execute(mine.values(state="confirmed"))


async def test_privacy_is_readable_in_all_sizes_and_for_everybody(site: Site) -> None:
    login = site.here.logins["learner"][:-1] + "1"
    async with Browser() as browser:
        page = await browser.page()
        await sign_in(page, site, login)
        problems = await look(page, site, "/consent", "full-consent")
        await make_young(site)
        problems += await look(page, site, "/consent", "full-consent-child-asked")
        await furnish(site)
        problems += await look(page, site, "/consent", "full-consent-child")
        async with site.deps.db.write() as conn:
            row = {"learner_id": site.here.world.other_learner, "purpose": "face_check", "choice": "refused"}
            text = {"notice_version": "1", "notice_sha256": "0" * 64, "at_ms": now_ms()}
            await conn.execute(insert(consents).values(**row, **text))
        problems += await look(page, site, "/consent", "full-consent-chosen")
        for path in ("/me", "/enrolment", "/records/lessons/1"):
            problems += await look(page, site, path, f"full-code{path.replace('/', '-')}")
        await grow_up(site)
        problems += await look(page, site, "/consent", "full-consent-grown")
        assert page.errors == []
    async with Browser() as browser:
        page = await browser.page()
        await sign_in(page, site, site.here.logins["learner"])
        for path in ("/consent", "/consent/certificates/1", "/me", "/enrolment"):
            problems += await look(page, site, path, f"full-own{path.replace('/', '-')}")
        assert page.errors == []
    async with Browser() as browser:
        page = await browser.page()
        await sign_in(page, site, site.here.logins["reviewer"])
        learner, case = site.here.world.learner, site.here.study.case
        pages = {"learner": f"/console/learners/{learner}", "case": f"/console/cases/{case}",
                 "enrolments": "/console/enrolments?show=learners", "queue": "/console/enrolments"}  # fmt: skip
        for name, path in pages.items():
            problems += await look(page, site, path, f"full-young-{name}")
        assert page.errors == []
    async with Browser() as browser:
        page = await browser.page()
        await sign_in(page, site, site.here.logins["administrator"])
        for path in ("", "/keeping", "/minors", "/certificates/1", "/register.html", "/assessment.html"):
            name = path.strip("/").replace("/", "-").replace(".html", "") or "overview"
            problems += await look(page, site, f"/console/privacy{path}", f"full-privacy-{name}")
        assert page.errors == []
    assert problems == [], "\n".join(problems)
    async with site.deps.db.read() as conn:
        assert (await conn.execute(select(filings.c.id))).all(), "what was looked at was there"
