"""Playback stands while the journal is full, and goes on group by group.

Holding and letting go bring facts themselves: who stands, who plays again. If all learners of a full gateway went on
at once, what they bring would fill the journal again, and nobody would ever study. So as many go on as it has room
for, and the next ones when that is stored.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proctor.live.learner import Learner

if TYPE_CHECKING:
    from proctor.live.hub import Hub

FACTS_EACH = 8  # of one learner between two holds: let go, playing, a stretch, held, standing, and some to spare


class Holding:
    """`on`: a seat that opens now is held, too."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._going: asyncio.Task | None = None
        self.on = False

    def switch(self, on: bool) -> None:
        """The journal is full, or has room again."""
        self.on = on
        if on:
            now_ms = self._hub.clock.now_ms()
            for learner in list(self._hub.learners.values()):
                self._hub.emit(learner, learner.session.hold("journal_full", now_ms))
        elif self._going is None or self._going.done():
            self._going = self._hub.spawn(self._let_go())

    async def _let_go(self) -> None:
        """Until nobody stands any more, or the journal is full once more: then `switch` begins anew."""
        settings, journal = self._hub.settings, self._hub.journal
        room = settings.journal_facts_max // 2
        while standing := [one for one in self._hub.learners.values() if one.session.held and not one.over]:
            if self.on:
                return
            if journal.waiting_facts < room:
                self._release(standing[: max(1, room // FACTS_EACH)])
            await asyncio.sleep(settings.journal_every_ms / 1_000)

    def _release(self, learners: list[Learner]) -> None:
        now_ms = self._hub.clock.now_ms()
        for learner in learners:
            self._hub.emit(learner, learner.session.release("journal_full", now_ms))
