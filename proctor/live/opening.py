"""From a verified claim to an open seat: lease, handover, seat in SQL, reseed when Redis lost its data."""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from proctor import errors
from proctor.core import wire
from proctor.core.inputs import Opening
from proctor.core.session import Session
from proctor.errors import Unavailable
from proctor.live.learner import Claim, Link, first_beat_ms, seed
from proctor.ports import (
    Acquire,
    Acquired,
    Clock,
    HandoverAsked,
    Holder,
    Inbox,
    Leases,
    LeaseTaken,
    NotAcquired,
    OpenSeat,
    Records,
    SeatOpened,
    SeatRefused,
)  # fmt: skip

log = structlog.get_logger("opening")

ASK_EVERY_MS = 50
STALE_TRIES = 4
GROUP_MAX = 200
GROUP_EVERY_S = 0.1  # between two commits: one opening alone costs twenty times its share of a group
STORM = 16  # openings of a group, behind which as many again are on their way
STORM_EVERY_S = 0.3  # then: groups of sixty, for each of which all gateways of a machine need one turn of the store


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The seat was not opened: close with this code and these words."""

    code: int
    why: str
    device: str = ""
    at_ms: int = 0


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    opening: Opening
    seat: SeatOpened


REFUSALS = {
    "login_ended": errors.CLOSE_LOGIN_ENDED,
    "account_changed": errors.CLOSE_LOGIN_ENDED,
    "blocked": errors.CLOSE_NOT_ALLOWED,
    "not_on_roster": errors.CLOSE_NOT_ALLOWED,
    "no_lesson": errors.CLOSE_NOT_ALLOWED,
}


GIVEN_UP = Closing(code=errors.CLOSE_REPLACED, why="given_up")  # nobody hears it


class SeatDesk:
    """Opens committed in groups: a reconnect storm costs a few transactions, not thousands.

    Whoever comes alone is served at once; who comes right behind another waits until enough may have come to share
    the price of a transaction, and the turn that all gateways of a machine wait for.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._queue: list[tuple[OpenSeat, asyncio.Future]] = []
        self._task: asyncio.Task | None = None
        self._next_s = 0.0  # by the loop's clock: not before it the next group

    async def open(self, request: OpenSeat) -> SeatOpened | SeatRefused:
        future = asyncio.get_running_loop().create_future()
        self._queue.append((request, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name="open seats")
        return await future

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            if len(self._queue) < GROUP_MAX and (early_s := self._next_s - loop.time()) > 0:
                await asyncio.sleep(early_s)
            group, self._queue = self._queue[:GROUP_MAX], self._queue[GROUP_MAX:]
            self._next_s = loop.time() + (STORM_EVERY_S if len(group) >= STORM else GROUP_EVERY_S)
            await self._commit(group)

    async def _commit(self, group: list[tuple[OpenSeat, asyncio.Future]]) -> None:
        """One transaction. Whatever breaks it, nobody waits for ever, and one broken request breaks no other's."""
        try:
            answers = await self._records.open_seats([request for request, _future in group])
        except Exception as error:
            if len(group) > 1 and not isinstance(error, Unavailable):
                for one in group:
                    await self._commit([one])
                return
            for _request, future in group:
                if not future.done():
                    future.set_exception(Unavailable(error.port) if isinstance(error, Unavailable) else error)
            return
        for (_request, future), answer in zip(group, answers, strict=True):
            if not future.done():
                future.set_result(answer)


class Opener:
    """The open flow of section 4 of the design. Raises Unavailable."""

    def __init__(
        self, leases: Leases, records: Records, inbox: Inbox, clock: Clock, *, node: str, handover_ms: int
    ) -> None:
        self._leases = leases
        self._desk = SeatDesk(records)
        self._inbox = inbox
        self._clock = clock
        self._node = node
        self._handover_ms = handover_ms

    async def open(self, claim: Claim, fence: int | None, link: Link) -> Opened | Closing:
        """`fence`: what a resume presents, None for a start.

        A page gives a dial up after seconds and dials anew. Before each step that takes something from somebody, an
        opening that stood still meanwhile asks whether its page is still there.
        """
        if fence is None and not await self._leases.use_ticket(claim.ticket_id, claim.ticket_left_ms):
            return Closing(code=errors.CLOSE_TICKET, why="ticket_used")
        rival: Holder | None = None
        forgotten = ""  # node that SQL names and Redis does not: it may not have heard that it was asked
        for attempt in range(STALE_TRIES):
            if link.gone:
                return GIVEN_UP
            acquired = await self._acquire(claim, fence if attempt == 0 else None)
            if isinstance(acquired, NotAcquired):
                return self._not_acquired(acquired)
            self._clock.observe(acquired.redis_ms)
            rival = rival or acquired.previous
            if link.gone:
                return GIVEN_UP
            if fence is not None and acquired.snapshot is None:
                await self._ask_whom_sql_names(claim, fence, acquired)
            seat = await self._open_seat(claim, fence is not None, acquired)
            if isinstance(seat, SeatOpened):
                await self._tell(claim, rival.node if rival else forgotten, acquired)
                return Opened(opening=self._opening(claim, fence, acquired, seat, rival), seat=seat)
            if seat.why != "stale":
                await self._leases.release(claim.learner_id, acquired.fence)
                return Closing(code=REFUSALS[seat.why], why=seat.why)
            if link.gone:
                return GIVEN_UP
            # Redis forgot: lift its fence above the stored one and take a new one as the same page.
            await self._ask_forgotten(claim, seat)
            forgotten = seat.node
            await self._leases.reseed(claim.learner_id, seat.stored_fence)
            log.warning("fence_reseeded", node=self._node)
        return Closing(code=errors.CLOSE_UNAVAILABLE, why="stale")

    async def _acquire(self, claim: Claim, fence: int | None) -> Acquired | NotAcquired:
        request = Acquire(
            learner_id=claim.learner_id, lease_ms=claim.lease_ms, fence=fence, first_keeps=claim.first_keeps,
            holder=Holder(
                device_id=claim.device_id, page_id=claim.page_id, node=self._node, device_kind=claim.device_kind
            ),
        )  # fmt: skip
        answer = await self._leases.acquire(request)
        if not isinstance(answer, NotAcquired) or answer.why != "held":
            return answer
        asked = answer.holder
        if asked is not None:
            message = HandoverAsked(learner_id=claim.learner_id, page_id=claim.page_id, device_kind=claim.device_kind)
            await self._inbox.send(asked.node, message)
        for _again in range(self._handover_ms // ASK_EVERY_MS + 3):
            await asyncio.sleep(ASK_EVERY_MS / 1_000)
            answer = await self._leases.acquire(request)
            if isinstance(answer, Acquired):
                # It was handed over in order: the rival is known from before.
                return msgspec.structs.replace(answer, previous=asked)
            if answer.why != "held":
                return answer
        return await self._leases.acquire(msgspec.structs.replace(request, force=True))

    async def _ask_whom_sql_names(self, claim: Claim, fence: int, acquired: Acquired) -> None:
        """Redis has nothing of a seat that was open: whoever still holds it stores first what it knows.

        A fence that the seat has already is refused with the node, and changes nothing.
        """
        seat = await self._open_seat(claim, True, msgspec.structs.replace(acquired, fence=fence))
        if isinstance(seat, SeatRefused) and seat.why == "stale":
            await self._ask_forgotten(claim, seat)

    async def _ask_forgotten(self, claim: Claim, seat: SeatRefused) -> None:
        """Redis forgot the holder, SQL knows where it was: it hands over first, so that nothing durable is lost."""
        if not seat.node:
            return
        message = HandoverAsked(
            learner_id=claim.learner_id, page_id=claim.page_id, device_kind=claim.device_kind, fence=seat.stored_fence
        )
        await self._inbox.send(seat.node, message)
        for _again in range(3 * self._handover_ms // ASK_EVERY_MS):
            await asyncio.sleep(ASK_EVERY_MS / 1_000)
            found = await self._leases.holder(claim.learner_id)
            if found is None or found[0].page_id != claim.page_id:
                return

    async def _open_seat(self, claim: Claim, resumed: bool, acquired: Acquired) -> SeatOpened | SeatRefused:
        at_ms = self._clock.now_ms()
        return await self._desk.open(
            OpenSeat(
                learner_id=claim.learner_id, lesson_id=claim.lesson_id, fence=acquired.fence, node=self._node,
                device_id=claim.device_id, page_id=claim.page_id, resumed=resumed, snapshot=acquired.snapshot,
                login_id=claim.login_id, account_version=claim.account_version, at_ms=at_ms,
                at_redis_ms=self._clock.redis_ms(at_ms),
            )
        )  # fmt: skip

    def _opening(
        self, claim: Claim, fence: int | None, acquired: Acquired, seat: SeatOpened, rival: Holder | None
    ) -> Opening:
        now_ms = self._clock.now_ms()
        day, day_end_ms = self._clock.day(now_ms, seat.zone)
        return Opening(
            learner_id=claim.learner_id, lesson_id=claim.lesson_id, class_id=seat.class_id, fence=acquired.fence,
            device_id=claim.device_id, page_id=claim.page_id, resumed=fence is not None,
            unknown=fence is not None and (seat.base is None or seat.base.fence < fence),
            taken_over=rival is not None and rival.device_id != claim.device_id, duration_ms=seat.duration_ms,
            covered=seat.covered, provisional=seat.provisional, reached_ms=seat.reached_ms, totals=seat.totals,
            base=seat.base, now_redis_ms=self._clock.redis_ms(now_ms), day=day, day_end_ms=day_end_ms,
            day_used_ms=seat.day_used_ms if day == seat.day else 0, face_consent=seat.face_consent,
            enrolled=seat.enrolled, licence=seat.licence, instruction_version=seat.instruction_version, seed=seed(),
        )  # fmt: skip

    def _not_acquired(self, answer: NotAcquired) -> Closing:
        kind = answer.holder.device_kind if answer.holder else ""
        code = errors.CLOSE_FIRST_KEEPS if answer.why == "kept" else errors.CLOSE_TAKEN_OVER
        return Closing(code=code, why=answer.why, device=kind, at_ms=answer.redis_ms)

    async def _tell(self, claim: Claim, node: str, acquired: Acquired) -> None:
        """The other side learns at once; without this it learns at its next renewal."""
        if not node:
            return
        message = LeaseTaken(
            learner_id=claim.learner_id, fence=acquired.fence, device_kind=claim.device_kind,
            redis_ms=acquired.redis_ms,
        )  # fmt: skip
        await self._inbox.send(node, message)


def welcome(session: Session, opened: Opened, push: wire.CheckPush | None, token: str) -> wire.Welcome:
    """What the player is told of its seat. `push`: the pending check; `token`: for its next resume."""
    view, opening, policy = session.view(), opened.opening, session.policy
    counted_before_ms = opening.totals.provisional_ms + opening.totals.waiting_ms + opening.totals.final_ms
    why = opening.licence.reason or ("daily_cap" if session.day_used_ms >= policy.daily_cap_ms else "")
    return wire.Welcome(
        v=wire.PROTOCOL_VERSION, fence=session.fence, nonce=view.nonce, token=token, lesson=session.lesson_id,
        duration_ms=session.duration_ms, pos=session.position_ms, covered=session.credit.covered,
        total_ms=view.total_ms, final_ms=view.final_ms, day_ms=view.day_ms, cap_ms=policy.daily_cap_ms,
        beat_ms=policy.beat_ms, first_beat_ms=first_beat_ms(policy.beat_ms), nudge_ms=policy.durable_nudge_ms,
        pause_ms=policy.durable_pause_ms, rate_max=policy.rate_max_permille, earns=not why, why=why,
        settled_ms=opened.seat.settled_ms + view.total_ms - counted_before_ms, check=push,
        face=opening.face_consent, complete=view.complete,
    )  # fmt: skip
