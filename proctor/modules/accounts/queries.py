"""Reads about people. Names leave SQL sealed; whoever may show one opens it."""

from __future__ import annotations

from sqlalchemy import BigInteger, bindparam, select

from proctor.core.policy import Policy
from proctor.modules.accounts.tables import accounts, institutions, login_sessions
from proctor.modules.study.rules import policy_of

# Every request asks the second one: putting a statement together costs more than SQLite takes to answer it.
_BY_LOGIN = (
    select(accounts, institutions.c.zone)
    .join(institutions, institutions.c.id == accounts.c.institution_id)
    .where(accounts.c.login == bindparam("wanted"))
)
_LIVE_SESSION = (
    select(
        login_sessions.c.id, login_sessions.c.csrf, login_sessions.c.device_id, login_sessions.c.seen_ms,
        accounts.c.id.label("account_id"), accounts.c.institution_id, accounts.c.role, accounts.c.login,
        accounts.c.name_sealed, accounts.c.version, institutions.c.zone,
        institutions.c.name.label("institution"),
    )
    .join(accounts, accounts.c.id == login_sessions.c.account_id)
    .join(institutions, institutions.c.id == accounts.c.institution_id)
    .where(
        login_sessions.c.id == bindparam("wanted"),
        login_sessions.c.ended_ms.is_(None),
        login_sessions.c.expires_ms > bindparam("now_ms", type_=BigInteger),
        login_sessions.c.account_version == accounts.c.version,
        accounts.c.status == "active",
    )
)  # fmt: skip


async def account_by_login(conn, login: str):
    """The account row of this login with its institution's zone, or None."""
    return (await conn.execute(_BY_LOGIN, {"wanted": login})).one_or_none()


async def login_session(conn, session_id: str, now_ms: int):
    """The live login session with its account, or None: ended, expired, versions differ, account blocked."""
    return (await conn.execute(_LIVE_SESSION, {"wanted": session_id, "now_ms": now_ms})).one_or_none()


async def learner_of_institution(conn, institution_id: int, login: str):
    """An active learner of exactly this institution, or None."""
    statement = select(accounts).where(
        accounts.c.login == login,
        accounts.c.institution_id == institution_id,
        accounts.c.role == "learner",
        accounts.c.status == "active",
    )
    return (await conn.execute(statement)).one_or_none()


async def institution_by_host_key(conn, key_hash: bytes):
    """The institution whose WebView host presents this key, or None."""
    statement = select(institutions).where(institutions.c.host_key_hash == key_hash)
    return (await conn.execute(statement)).one_or_none()


async def profile(conn, account_id: int):
    """Sealed name, number and phone, login and institution of one account."""
    statement = (
        select(
            accounts.c.login, accounts.c.name_sealed, accounts.c.id_number_sealed, accounts.c.phone_sealed,
            accounts.c.created_ms, institutions.c.name.label("institution"),
        )
        .join(institutions, institutions.c.id == accounts.c.institution_id)
        .where(accounts.c.id == account_id)
    )  # fmt: skip
    return (await conn.execute(statement)).one()


async def institution_policy(conn, institution_id: int, over: str = "") -> Policy:
    """The rules of an institution; `over` is the JSON of the setting `policy`, which lies below its own."""
    statement = select(institutions.c.policy).where(institutions.c.id == institution_id)
    return policy_of(over, (await conn.execute(statement)).scalar_one())
