"""One-time codes of checks, the texts that carried them, and questions about lessons."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from proctor.modules.schema import Key, Ms, metadata

# The newest code of one check. `code_hash`: keyed (vault index), so the table alone gives no code away.
check_codes = Table(
    "check_codes",
    metadata,
    Column("check_id", String(32), primary_key=True),
    Column("learner_id", Key, nullable=False),
    Column("code_hash", LargeBinary(32), nullable=False),
    Column("sends", Integer, nullable=False, default=1),
    Column("wrong", Integer, nullable=False, default=0),
    Column("sent_ms", Ms, nullable=False),
    Column("expires_ms", Ms, nullable=False),
    Column("used_ms", Ms),
)

# Delivery log: that something was sent, never what. It bounds how often.
texts = Table(
    "texts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("learner_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("check_id", String(32), nullable=False),
    Column("state", String(8), nullable=False),  # sending, sent, failed
    Column("at_ms", Ms, nullable=False),
    Index(None, "institution_id", "at_ms"),
    Index(None, "learner_id", "at_ms"),
)

lesson_questions = Table(
    "lesson_questions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("lesson_id", Key, ForeignKey("lessons.id"), nullable=False),
    Column("question", String(200), nullable=False),
    Column("choices", Text, nullable=False),  # JSON list of texts
    Column("answer", Integer, nullable=False),  # index into choices
    Column("created_ms", Ms, nullable=False),
    Index(None, "lesson_id"),
)
