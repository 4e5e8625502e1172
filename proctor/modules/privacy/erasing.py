"""Forgetting a face: the keys go at once, the files within a minute, and a signed certificate says so.

A case that is still open keeps its pictures: they are the evidence that protects the learner too. The certificate
names them, and when they go there is another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import delete, exists, func, insert, or_, select, update

from proctor.modules.accounts.rules import masked_name
from proctor.modules.accounts.tables import accounts, institutions
from proctor.modules.audit.service import append_audit
from proctor.modules.identity import approving
from proctor.modules.privacy.clocks import BY_KEY
from proctor.modules.privacy.tables import consents, enrolments, erasures, evidence, face_keys, face_traces
from proctor.ports import Signer, Vault

MEANING = "文件已删除；加密照片和特征值的密钥已销毁，副本无法再解密。备份中的副本随密钥文件更新同样失效。"
LISTED_MAX = 1_000  # pictures that a certificate names one by one
RETIRED = "retired"  # kind of a key that seals nothing new and is erased with the last that it opens
KINDS = {"enrolment": "登记照片", "burst": "核验画面"}


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the list; `done_ms` None: under way."""

    id: int
    learner_id: int
    why: str
    asked_ms: int
    done_ms: int | None
    sha256: str


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """`body`: the very text that was signed, JSON in one fixed spelling."""

    number: str
    body: str
    sha256: str
    signature: str
    public_key: str


async def ask_erasure(conn, *, institution_id: int, learner_id: int, why: str, asked_by: int, now_ms: int) -> bool:
    """Template, traces and the keys of both go now; blobs are overdue from now on and the sweep deletes them.

    False when nothing of this face is stored, or it is on its way out already.
    """
    mine = face_keys.c.learner_id == learner_id, face_keys.c.key_sealed.is_not(None)
    stored = (await conn.execute(select(face_keys.c.id).where(*mine).limit(1))).first()
    # One that is open covers what was stored until it was asked for; what came since needs one of its own.
    since = exists().where(
        evidence.c.learner_id == learner_id, evidence.c.deleted_ms.is_(None),
        evidence.c.created_ms > erasures.c.asked_ms,
    )  # fmt: skip
    open_one = select(erasures.c.id).where(
        erasures.c.learner_id == learner_id, erasures.c.done_ms.is_(None), ~since
    )
    await conn.execute(delete(enrolments).where(enrolments.c.learner_id == learner_id))
    await conn.execute(delete(face_traces).where(face_traces.c.learner_id == learner_id))
    await approving.forget(conn, learner_id, now_ms, "expire" if why == "enrolment_end" else "withdraw")
    gone = update(face_keys).where(*mine, face_keys.c.kind == "enrolment")
    await conn.execute(gone.values(key_sealed=None, erased_ms=now_ms))
    # A key of pictures waits for the last of them. Who agrees again meanwhile gets a new one, which nothing erases.
    await conn.execute(update(face_keys).where(*mine).values(kind=RETIRED))
    free = evidence.c.learner_id == learner_id, evidence.c.deleted_ms.is_(None), evidence.c.held.is_(False)
    await conn.execute(update(evidence).where(*free).values(delete_after_ms=now_ms))
    if stored is None or (await conn.execute(open_one)).first() is not None:
        return False
    row = {
        "institution_id": institution_id, "learner_id": learner_id, "why": why, "asked_by": asked_by,
        "asked_ms": now_ms,
    }  # fmt: skip
    await conn.execute(insert(erasures).values(**row))
    return True


async def open_erasures(conn, limit: int = 200) -> Sequence[int]:
    """Ids of erasures whose deletable blobs are all gone: their certificate can be made."""
    left = exists().where(
        evidence.c.learner_id == erasures.c.learner_id, evidence.c.deleted_ms.is_(None), evidence.c.held.is_(False),
        evidence.c.created_ms <= erasures.c.asked_ms,
    )  # fmt: skip
    ready = select(erasures.c.id).where(erasures.c.done_ms.is_(None), ~left).order_by(erasures.c.id).limit(limit)
    return (await conn.execute(ready.with_for_update())).scalars().all()


async def left_over(conn, limit: int = 200) -> Sequence[tuple[int, int]]:
    """(institution, learner) who have a live key though consent is gone, and no open case that needs it."""
    newest = (
        select(consents.c.choice)
        .where(consents.c.learner_id == erasures.c.learner_id, consents.c.purpose == "face_check")
        .order_by(consents.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        select(erasures.c.institution_id, erasures.c.learner_id)
        .join(face_keys, face_keys.c.learner_id == erasures.c.learner_id)
        .where(
            face_keys.c.key_sealed.is_not(None),
            or_(newest.is_(None), newest != "given"),
            ~exists().where(
                evidence.c.learner_id == erasures.c.learner_id, evidence.c.deleted_ms.is_(None),
                evidence.c.held.is_(True),
            ),
        )
        .group_by(erasures.c.institution_id, erasures.c.learner_id)
        .having(func.count(erasures.c.id) == func.count(erasures.c.done_ms))
        .limit(limit)
    )  # fmt: skip
    return [tuple(row) for row in (await conn.execute(statement)).all()]


async def never_asked(conn, limit: int = 200) -> Sequence[tuple[int, int]]:
    """(institution, learner) who said no before anything was stored, and have a live key all the same: something was
    on its way. No erasure speaks of them, so `left_over` does not find them."""
    newest = (
        select(consents.c.choice)
        .where(consents.c.learner_id == face_keys.c.learner_id, consents.c.purpose == "face_check")
        .order_by(consents.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        select(accounts.c.institution_id, face_keys.c.learner_id)
        .join(accounts, accounts.c.id == face_keys.c.learner_id)
        .where(
            face_keys.c.key_sealed.is_not(None), newest.in_(("refused", "withdrawn")),
            ~exists().where(erasures.c.learner_id == face_keys.c.learner_id),
        )
        .group_by(accounts.c.institution_id, face_keys.c.learner_id)
        .limit(limit)
    )  # fmt: skip
    return [tuple(row) for row in (await conn.execute(statement)).all()]


async def certify(conn, vault: Vault, signer: Signer, erasure_id: int, now_ms: int) -> None:
    """Erase the keys that nothing needs any more, and sign what was deleted since this erasure was asked for."""
    row = (await conn.execute(select(erasures).where(erasures.c.id == erasure_id))).one()
    held = (
        evidence.c.learner_id == row.learner_id, evidence.c.deleted_ms.is_(None), evidence.c.held.is_(True),
        evidence.c.created_ms <= row.asked_ms,
    )  # fmt: skip
    kept = (await conn.execute(select(evidence).where(*held).limit(LISTED_MAX))).all()
    if not kept:
        rest = update(face_keys).where(
            face_keys.c.learner_id == row.learner_id, face_keys.c.kind == RETIRED, face_keys.c.key_sealed.is_not(None)
        )
        await conn.execute(rest.values(key_sealed=None, erased_ms=now_ms))
    body = await _body(conn, vault, signer, row, kept, now_ms)
    text = msgspec.json.encode(body, order="deterministic").decode()
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    done = update(erasures).where(erasures.c.id == erasure_id)
    await conn.execute(
        done.values(done_ms=now_ms, certificate=text, sha256=sha256, signature=signer.sign(text.encode()))
    )
    await append_audit(
        conn, at_ms=now_ms, institution_id=row.institution_id, account_id=0, action="system:erasure:certified",
        object=f"erasure:{erasure_id}", detail={"learner": row.learner_id, "sha256": sha256},
    )  # fmt: skip


async def _body(conn, vault: Vault, signer: Signer, row, kept: Sequence, now_ms: int) -> dict[str, object]:
    who = select(accounts.c.name_sealed, accounts.c.role, institutions.c.name.label("institution")).join(
        institutions, institutions.c.id == accounts.c.institution_id
    )
    learner = (await conn.execute(who.where(accounts.c.id == row.learner_id))).one()
    asker = (await conn.execute(who.where(accounts.c.id == row.asked_by))).one_or_none()
    since = evidence.c.learner_id == row.learner_id, evidence.c.deleted_ms >= row.asked_ms
    total = (await conn.execute(select(func.count()).select_from(evidence).where(*since))).scalar_one()
    listed = select(evidence).where(*since).order_by(evidence.c.deleted_ms, evidence.c.id).limit(LISTED_MAX)
    gone = (await conn.execute(listed)).all()
    keys = select(face_keys.c.id, face_keys.c.erased_ms).where(
        face_keys.c.learner_id == row.learner_id, face_keys.c.erased_ms >= row.asked_ms
    )
    erased = (await conn.execute(keys.order_by(face_keys.c.id))).all()
    name = vault.open(learner.name_sealed, field="account.name")
    return {
        "certificate": "人脸信息删除证明",
        "number": number_of(row.institution_id, row.id),
        "institution": learner.institution,
        "learner": {"account": row.learner_id, "name": masked_name(name)},
        "why": row.why,
        "reason": BY_KEY[row.why].why,
        "asked_at": _iso(row.asked_ms),
        "asked_by": {"account": row.asked_by, "role": asker.role} if asker else {"account": 0, "role": "timer"},
        "done_at": _iso(now_ms),
        "deleted_pictures": total,
        "deleted": [
            {"kind": KINDS.get(one.kind, one.kind), "check": one.check_id, "sha256": one.sha256,
             "created_at": _iso(one.created_ms), "deleted_at": _iso(one.deleted_ms)}
            for one in gone
        ],
        "keys_erased": [{"id": one.id, "erased_at": _iso(one.erased_ms)} for one in erased],
        "kept_for_open_cases": [{"check": one.check_id, "sha256": one.sha256} for one in kept],
        "meaning": MEANING,
        "public_key": signer.public_hex,
    }  # fmt: skip


def number_of(institution_id: int, erasure_id: int) -> str:
    return f"ZX-{institution_id}-{erasure_id}"


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="seconds")


async def erasures_of(
    conn, *, institution_id: int, learner_id: int | None = None, limit: int = 50, offset: int = 0
) -> list[Erasure]:
    """Newest first, of one learner or of the institution."""
    columns = [erasures.c[name] for name in Erasure.__struct_fields__]
    statement = select(*columns).where(erasures.c.institution_id == institution_id)
    if learner_id is not None:
        statement = statement.where(erasures.c.learner_id == learner_id)
    statement = statement.order_by(erasures.c.id.desc()).limit(limit).offset(offset)
    return [Erasure(**row) for row in (await conn.execute(statement)).mappings().all()]


async def certificate(
    conn, *, institution_id: int, erasure_id: int, learner_id: int | None = None
) -> Certificate | None:
    """A finished one of this institution (and of this learner), or None."""
    statement = select(erasures).where(
        erasures.c.id == erasure_id, erasures.c.institution_id == institution_id, erasures.c.done_ms.is_not(None)
    )
    if learner_id is not None:
        statement = statement.where(erasures.c.learner_id == learner_id)
    row = (await conn.execute(statement)).one_or_none()
    if row is None:
        return None
    body = msgspec.json.decode(row.certificate)
    return Certificate(
        number=number_of(institution_id, row.id), body=row.certificate, sha256=row.sha256,
        signature=bytes(row.signature).hex(), public_key=body["public_key"],
    )  # fmt: skip
