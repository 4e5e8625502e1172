"""Checks of the person on the running side: offer a try, hear of uploads and verdicts, look at deadlines.

Nothing is decided here: what is stored is read and told to the session. Whatever of ours fails while a check is
pending makes it our fault, which costs nobody anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from proctor.core import wire
from proctor.core.check import State
from proctor.core.facts import CheckDecided, CheckTried, CheckUndecided, CheckWay, Outcome
from proctor.core.inputs import Verdict
from proctor.errors import Unavailable
from proctor.live.learner import Learner, draw
from proctor.ports import Checks, CheckTicket, Clock, Nodes

if TYPE_CHECKING:
    from proctor.live.hub import Hub

log = structlog.get_logger("bursts")


class Bursts:
    """`mint(ticket)` signs an upload ticket."""

    def __init__(
        self, hub: Hub, checks: Checks, nodes: Nodes, clock: Clock, mint: Callable[[CheckTicket], str], *, node: str
    ) -> None:
        self._hub = hub
        self._checks = checks
        self._nodes = nodes
        self._clock = clock
        self._mint = mint
        self._node = node

    # Offering.

    async def push_of(self, learner: Learner) -> wire.CheckPush | None:
        """Open the awaited try for its answer and say what the player needs; None when no check is pending.

        One that waits for its verdict is told, too: a page that came back would play on uncounted meanwhile.
        """
        check = learner.session.person.check
        if check is None:
            return None
        claim, now_ms = learner.claim, self._clock.now_ms()
        left_ms, by_code = check.left_ms(now_ms), check.way is CheckWay.CODE
        ticket = CheckTicket(
            check_id=check.check_id, try_number=check.try_number, learner_id=claim.learner_id,
            institution_id=claim.institution_id, lesson_id=claim.lesson_id, device_id=claim.device_id,
            page_id=claim.page_id, nonce=check.nonce, expires_redis_ms=self._clock.redis_ms(now_ms + left_ms),
            enrol=not learner.session.person.enrolled and not by_code, way=check.way,
            actions=check.actions(learner.session.policy),
        )  # fmt: skip
        await self._checks.open(ticket, left_ms, self._node)
        learner.offered = (check.check_id, check.try_number)
        return wire.CheckPush(
            id=check.check_id, kind=str(check.kind), way=str(check.way), nonce=check.nonce, left_ms=left_ms,
            try_number=ticket.try_number, tries_left=learner.session.policy.check_tries - check.tries,
            ticket=self._mint(ticket), actions=ticket.actions, enrol=ticket.enrol,
            upload=f"/api/v1/checks/{check.check_id}/{'code' if by_code else 'frames'}",
            judging=check.state is State.JUDGING,
        )  # fmt: skip

    async def offer(self, learner: Learner) -> None:
        """A check is due, or goes on in another way: ask the player. When Redis is gone it is our fault, at once."""
        awaited = self.awaited(learner)
        try:
            push = await self.push_of(learner)
        except Unavailable:
            self.unreachable(learner, awaited)
            return
        if push is not None and not learner.over:
            learner.link.send(wire.Check(check=push))

    async def offer_again(self, learner: Learner, tried: CheckTried) -> None:
        """One burst was judged and tries are left."""
        awaited = self.awaited(learner)
        try:
            push = await self.push_of(learner)
        except Unavailable:
            self.unreachable(learner, awaited)
            return
        if not learner.over:
            learner.link.send(
                wire.VerdictPush(
                    check=tried.check_id, outcome=str(tried.outcome), detail=tried.detail, decided=False,
                    go_on=False, next=push,
                )
            )  # fmt: skip

    @staticmethod
    def awaited(learner: Learner) -> tuple[str, int]:
        """Check and burst that are awaited now."""
        check = learner.session.person.check
        return (check.check_id, check.try_number) if check is not None else ("", 0)

    def unreachable(self, learner: Learner, awaited: tuple[str, int]) -> None:
        """The player cannot be asked: nobody must play on uncounted until the window ends. It is asked again soon."""
        if not learner.over and awaited[0] and self.awaited(learner) == awaited:
            ours = Verdict(
                check_id=awaited[0], try_number=awaited[1], outcome=Outcome.OUR_FAULT, detail="unreachable"
            )
            self._hub.emit(learner, learner.session.judged(ours, self._clock.now_ms(), draw()))

    async def cancel(self, check_id: str) -> None:
        try:
            await self._checks.cancel(check_id)
        except Unavailable:
            log.warning("check_not_cancelled", check=check_id)

    def decided(self, learner: Learner, fact: CheckDecided | CheckUndecided) -> None:
        """The check is over: tell the player, and how the record stands."""
        learner.trouble = False
        outcome = str(fact.outcome) if isinstance(fact, CheckDecided) else fact.why
        detail = fact.detail if isinstance(fact, CheckDecided) else ""
        learner.link.send(
            wire.VerdictPush(
                check=fact.check_id, outcome=outcome, detail=detail, decided=True,
                go_on=learner.session.view().go_on, enrolled=learner.enrolled_now,
            )
        )  # fmt: skip
        learner.enrolled_now = False

    # Hearing.

    def accepted(self, learner: Learner, check_id: str, try_number: int, redis_ms: int) -> None:
        at_ms = min(self._clock.engine_ms(redis_ms), self._clock.now_ms())
        self._hub.emit(learner, learner.session.accepted(check_id, try_number, at_ms))

    def judged(self, learner: Learner, verdict: Verdict) -> None:
        check = learner.session.person.check
        if check is None or (check.check_id, check.try_number) != (verdict.check_id, verdict.try_number):
            return
        learner.enrolled_now = learner.enrolled_now or verdict.enrolled
        self._hub.emit(learner, learner.session.judged(verdict, self._clock.now_ms(), draw()))

    async def catch_up(self, learner: Learner, check_id: str, try_number: int) -> None:
        """After a reconnect: a verdict or an acceptance that came while no seat was there to hear it."""
        try:
            verdict = await self._checks.verdict(check_id, try_number)
            accepted_redis_ms = await self._checks.accepted(check_id, try_number)
        except Unavailable:
            return  # the deadline reads it again
        if learner.over:
            return
        if verdict is not None:
            self.judged(learner, verdict)
        elif accepted_redis_ms:
            # The time to judge starts anew, as it does for a burst that the snapshot knew to be accepted.
            self._hub.emit(learner, learner.session.accepted(check_id, try_number, self._clock.now_ms()))

    # Deadlines.

    async def resolve(self, learner: Learner, check_id: str, try_number: int) -> None:
        """The window, or the time to judge, is over: read what is stored before anything is decided."""
        try:
            verdict = await self._checks.verdict(check_id, try_number)
            accepted_redis_ms = await self._checks.accepted(check_id, try_number)
            web_lives = any(node.get("kind") == "web" for node in await self._nodes.all())
        except Unavailable:
            learner.trouble = True
            return
        finally:
            learner.resolving = False
        session = learner.session
        if learner.over or session.wants_verdict(self._clock.now_ms()) != (check_id, try_number):
            return
        now_ms = self._clock.now_ms()
        check = session.person.check
        if verdict is not None:
            self.judged(learner, verdict)
        elif check is not None and check.state is State.JUDGING:
            self._hub.emit(learner, session.verdict_late(check_id, now_ms, draw()))
        elif accepted_redis_ms:
            self.accepted(learner, check_id, try_number, accepted_redis_ms)
        elif learner.trouble or not web_lives or learner.offered != (check_id, try_number):
            self.unreachable(learner, (check_id, try_number))
        else:
            self._hub.emit(learner, session.expired(check_id, now_ms, draw()))
