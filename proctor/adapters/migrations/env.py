"""Alembic's entry: the connection comes from `upgrade`, the target from the tables of all modules."""

from __future__ import annotations

from alembic import context

import proctor.modules.accounts.tables
import proctor.modules.audit.tables
import proctor.modules.catalog.tables
import proctor.modules.codeway.tables
import proctor.modules.identity.tables
import proctor.modules.privacy.tables
import proctor.modules.reviews.tables
import proctor.modules.study.tables  # noqa: F401 - imported for their tables
from proctor.modules.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite"
)
with context.begin_transaction():
    context.run_migrations()
