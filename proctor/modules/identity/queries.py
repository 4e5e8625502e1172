"""What pages read about enrolments. Every query of the console carries the institution's border."""

from __future__ import annotations

import msgspec
from sqlalchemy import func, or_, select

from proctor.modules.accounts.tables import accounts
from proctor.modules.identity.rules import OPEN, Quality, State
from proctor.modules.identity.tables import duplicate_flags
from proctor.modules.identity.tables import enrolment_history as history
from proctor.modules.privacy.bands import ageless
from proctor.modules.privacy.tables import enrolments

PAGE_ROWS = 50
STORY_MAX = 50
ALIKE_MAX = 50


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    """One photo in a list. Names are sealed."""

    id: int
    learner_id: int
    name_sealed: bytes
    login: str
    source: str
    state: str
    problem: str
    authority: str
    submitted_ms: int
    alike: int  # open flags of this learner


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One photo of a learner's story. `by_sealed` names who decided; None for an authority, or nobody yet."""

    id: int
    source: str
    state: str
    evidence_id: str
    quality: Quality
    problem: str
    authority: str
    authority_name: str
    submitted_ms: int
    decided_ms: int | None
    decided_by: int
    reason: str
    ended_ms: int | None
    by_sealed: bytes | None


class Alike(msgspec.Struct, frozen=True, kw_only=True):
    """A flag about two accounts, seen from one of them. `evidence_id`: the other's photo in use, "" without one."""

    id: int
    other_id: int
    name_sealed: bytes
    login: str
    number_index: bytes | None
    score: float
    model: str
    state: str
    opened_ms: int
    reason: str
    evidence_id: str


class LearnerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A learner of an institution; personal fields are sealed."""

    id: int
    login: str
    name_sealed: bytes
    id_number_sealed: bytes | None
    id_number_index: bytes | None
    phone_sealed: bytes | None
    status: str
    enrolled: str  # state of the newest photo, "" when there was none


def _alike_count():
    return (
        select(func.count())
        .select_from(duplicate_flags)
        .where(
            duplicate_flags.c.state == "open",
            or_(
                duplicate_flags.c.learner_id == history.c.learner_id,
                duplicate_flags.c.other_id == history.c.learner_id,
            ),
        )
        .correlate(history)
        .scalar_subquery()
    )


SHOWN = {
    "waiting": tuple(str(state) for state in OPEN),
    "unusable": (str(State.UNUSABLE),),
    "decided": (str(State.APPROVED), str(State.REJECTED)),
}


async def queue(conn, institution_id: int, *, show: str, page: int = 0) -> tuple[list[QueueRow], bool]:
    """One page of photos: what waits oldest first, what was decided newest first; and whether there are more."""
    order = history.c.id.desc() if show == "decided" else history.c.id
    statement = (
        select(
            history.c.id, history.c.learner_id, accounts.c.name_sealed, accounts.c.login, history.c.source,
            history.c.state, history.c.problem, history.c.authority, history.c.submitted_ms,
            _alike_count().label("alike"),
        )
        .join(accounts, accounts.c.id == history.c.learner_id)
        .where(history.c.institution_id == institution_id, history.c.state.in_(SHOWN[show]))
        .order_by(order)
        .limit(PAGE_ROWS + 1)
        .offset(page * PAGE_ROWS)
    )  # fmt: skip
    found = (await conn.execute(statement)).mappings().all()
    return [QueueRow(**row) for row in found[:PAGE_ROWS]], len(found) > PAGE_ROWS


async def counts(conn, institution_id: int) -> dict[str, int]:
    """For the filters: waiting, unusable, alike (open flags), ageless (learners of unknown age)."""
    states = select(history.c.state, func.count()).where(history.c.institution_id == institution_id)
    found = {state: count for state, count in (await conn.execute(states.group_by(history.c.state))).all()}
    flags = select(func.count()).select_from(duplicate_flags)
    flags = flags.where(duplicate_flags.c.institution_id == institution_id, duplicate_flags.c.state == "open")
    people = select(func.count()).select_from(accounts)
    people = people.where(accounts.c.institution_id == institution_id, accounts.c.role == "learner", ageless())
    return {
        "waiting": sum(found.get(state, 0) for state in SHOWN["waiting"]),
        "unusable": found.get(str(State.UNUSABLE), 0),
        "alike": (await conn.execute(flags)).scalar_one(),
        "ageless": (await conn.execute(people)).scalar_one(),
    }


async def story(conn, learner_id: int) -> list[Entry]:
    """All photos of one learner, newest first. The caller has made sure whose learner it is."""
    people = accounts.alias()
    names = [name for name in Entry.__struct_fields__ if name not in ("quality", "by_sealed")]
    statement = (
        select(*(history.c[name] for name in names), history.c.quality, people.c.name_sealed.label("by_sealed"))
        .outerjoin(people, people.c.id == history.c.decided_by)
        .where(history.c.learner_id == learner_id)
        .order_by(history.c.id.desc())
        .limit(STORY_MAX)
    )
    rows = (await conn.execute(statement)).mappings().all()
    return [Entry(**{**row, "quality": msgspec.json.decode(row["quality"], type=Quality)}) for row in rows]


async def in_use(conn, learner_id: int) -> str:
    """Evidence id of the photo that checks are compared with; "" without one."""
    statement = select(enrolments.c.evidence_id).where(enrolments.c.learner_id == learner_id)
    return (await conn.execute(statement)).scalar_one_or_none() or ""


async def alike_of(conn, institution_id: int, learner_id: int = 0) -> list[Alike]:
    """Flags of one learner, or all open ones of the institution (seen from the older account); the likest first."""
    flags, other = duplicate_flags, accounts.alias()
    other_id = func.abs(flags.c.learner_id + flags.c.other_id - learner_id) if learner_id else flags.c.other_id
    mine = (
        or_(flags.c.learner_id == learner_id, flags.c.other_id == learner_id)
        if learner_id
        else flags.c.state == "open"
    )
    statement = (
        select(
            flags.c.id, other.c.id.label("other_id"), other.c.name_sealed, other.c.login,
            other.c.id_number_index.label("number_index"), flags.c.score, flags.c.model, flags.c.state,
            flags.c.opened_ms, flags.c.reason, func.coalesce(enrolments.c.evidence_id, "").label("evidence_id"),
        )
        .join(other, other.c.id == other_id)
        .outerjoin(enrolments, enrolments.c.learner_id == other.c.id)
        .where(flags.c.institution_id == institution_id, mine)
        .order_by(flags.c.score.desc(), flags.c.id)
        .limit(ALIKE_MAX)
    )  # fmt: skip
    return [Alike(**row) for row in (await conn.execute(statement)).mappings().all()]


def _learners(institution_id: int):
    newest = (
        select(history.c.state)
        .where(history.c.learner_id == accounts.c.id)
        .order_by(history.c.id.desc())
        .limit(1)
        .correlate(accounts)
        .scalar_subquery()
    )
    names = [name for name in LearnerRow.__struct_fields__ if name != "enrolled"]
    columns = [accounts.c[name] for name in names]
    return select(*columns, func.coalesce(newest, "").label("enrolled")).where(
        accounts.c.institution_id == institution_id, accounts.c.role == "learner"
    )


async def learners(
    conn, institution_id: int, *, login: str = "", index: bytes | None = None, unknown_age: bool = False,
    page: int = 0,
) -> tuple[list[LearnerRow], bool]:  # fmt: skip
    """One page of learners by login; `login` narrows to those that begin so, `index` to a phone or identity number
    (nothing else of a person can be searched: it is sealed), `unknown_age` to those whose age nothing tells."""
    statement = _learners(institution_id)
    if unknown_age:
        statement = statement.where(ageless())
    if index is not None:
        statement = statement.where(or_(accounts.c.phone_index == index, accounts.c.id_number_index == index))
    elif login:
        statement = statement.where(accounts.c.login.startswith(login, autoescape=True))
    statement = statement.order_by(accounts.c.login).limit(PAGE_ROWS + 1).offset(page * PAGE_ROWS)
    found = (await conn.execute(statement)).mappings().all()
    return [LearnerRow(**row) for row in found[:PAGE_ROWS]], len(found) > PAGE_ROWS


async def learner(conn, institution_id: int, learner_id: int) -> LearnerRow | None:
    statement = _learners(institution_id).where(accounts.c.id == learner_id)
    row = (await conn.execute(statement)).mappings().one_or_none()
    return None if row is None else LearnerRow(**row)
