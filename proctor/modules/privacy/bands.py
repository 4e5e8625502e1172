"""Which age band a learner of the record is in: by the identity number or, until one is registered, by the learner's
own word, which is asked for once, before the first agreement."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, select

from proctor.modules.accounts.tables import accounts, institutions
from proctor.modules.privacy.ages import Band, band_of
from proctor.modules.privacy.tables import consents
from proctor.ports import Vault

STATED = "age"  # the purpose of the row of `consents` that keeps a learner's word: its choice is a band


async def band_of_learner(conn, vault: Vault, learner_id: int, now_ms: int) -> Band:
    """Today, in the institution's time zone. Whoever calls has made sure whose learner it is."""
    return (await bands_of(conn, vault, [learner_id], now_ms))[learner_id]


async def bands_of(conn, vault: Vault, learner_ids: Collection[int], now_ms: int) -> dict[int, Band]:
    """The same for all of a list."""
    statement = (
        select(accounts.c.id, accounts.c.id_number_sealed, institutions.c.zone)
        .join(institutions, institutions.c.id == accounts.c.institution_id)
        .where(accounts.c.id.in_(learner_ids))
    )
    now, found = datetime.fromtimestamp(now_ms / 1_000, UTC), {}
    for row in (await conn.execute(statement)).all():
        sealed = row.id_number_sealed
        number = vault.open(sealed, field="account.id_number") if sealed else ""
        found[row.id] = band_of(number, now.astimezone(ZoneInfo(row.zone)).date())
    unknown = [learner_id for learner_id, band in found.items() if band is Band.UNKNOWN]
    if unknown:
        words = select(consents.c.learner_id, consents.c.choice).where(
            consents.c.learner_id.in_(unknown), consents.c.purpose == STATED
        )
        found.update({row.learner_id: Band(row.choice) for row in (await conn.execute(words)).all()})
    return found


def ageless():
    """Condition on `accounts`: nothing tells how old this learner is. A number is only registered if it does."""
    said = exists().where(consents.c.learner_id == accounts.c.id, consents.c.purpose == STATED)
    return and_(accounts.c.id_number_sealed.is_(None), ~said)
