"""The one MetaData of the record half and the column kinds that all tables share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Milliseconds (epoch, media or durations) and growing keys need 64 bits; SQLite autoincrements INTEGER only.
Ms = BigInteger()
Key = BigInteger().with_variant(Integer(), "sqlite")
