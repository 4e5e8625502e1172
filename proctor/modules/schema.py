"""The one MetaData of the record half and the column kinds that all tables share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData, Table
from sqlalchemy.dialects import postgresql, sqlite

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


def upsert(dialect: str, table: Table, *values: str):
    """Insert rows, or set `values` where the primary key is there already. Both databases say it alike."""
    made = _insert(dialect, table)
    return made.on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_={name: made.excluded[name] for name in values}
    )


def insert_new(dialect: str, table: Table):
    """Insert rows where the primary key is not there yet."""
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=list(table.primary_key.columns))


def _insert(dialect: str, table: Table):
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
