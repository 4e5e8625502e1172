"""The learner's photo: how it stands, and why it is no longer there."""

from __future__ import annotations

import pytest

from proctor.modules.identity import approving
from proctor.modules.identity.rules import State
from proctor.modules.privacy import erasing
from tests.web.conftest import Site
from tests.world import NOW_MS
from web.console import identity_words
from web.learner.enrolment import MEANINGS


def test_every_state_has_its_words() -> None:
    assert {"", *(str(state) for state in State)} == MEANINGS.keys() == identity_words.STATES.keys()


@pytest.mark.parametrize(
    ("why", "said", "unsaid"), [("enrolment_end", "您的班级都已结束", "撤回"), ("withdrawn", "同意已撤回", "班级")]
)
async def test_who_withdrew_nothing_does_not_read_that_they_did(site: Site, why: str, said: str, unsaid: str) -> None:
    """Thirty days after the last class a timer forgets the face: nobody took a consent back."""
    world, person = site.here.world, await site.person("learner")
    async with site.deps.db.write() as conn:
        await approving.enter(
            conn, institution_id=world.institution, learner_id=world.learner, source="capture", evidence_id="e-1",
            by=world.learner, now_ms=NOW_MS,
        )  # fmt: skip
        await erasing.ask_erasure(
            conn, institution_id=world.institution, learner_id=world.learner, why=why, asked_by=0, now_ms=NOW_MS + 1
        )
    text = (await person.page("/enrolment")).partition('aria-labelledby="hand-in"')[0]
    assert said in text and unsaid not in text
