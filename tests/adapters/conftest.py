"""The databases of the contract tests: SQLite and PostgreSQL."""

from proctor.adapters import migrations  # loading it reads files: before any loop runs
from tests.contract.conftest import db, sql_url

__all__ = ["db", "migrations", "sql_url"]
