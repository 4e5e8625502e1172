"""Cases, what led to them, decisions of people, and appeals of learners."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from proctor.modules.schema import Key, Ms, metadata

# `kind`: unclear, mismatch, misses, photo (the one that checks compared with was rejected), flags, no_consent, spot,
# appeal. One open case per learner, lesson and kind.
# `status`: open, proposed (one person proposed to uphold), closed. `version` grows with every change.
cases = Table(
    "cases",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("learner_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("lesson_id", Key, ForeignKey("lessons.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("severity", Integer, nullable=False),  # worst first
    Column("status", String(12), nullable=False, default="open"),
    Column("outcome", String(12), nullable=False, default=""),  # upheld, dismissed
    Column("version", Integer, nullable=False, default=1),
    Column("opened_ms", Ms, nullable=False),
    Column("updated_ms", Ms, nullable=False),
    Index(None, "institution_id", "status", "severity"),
    Index(None, "learner_id", "lesson_id", "kind", "status"),
)

case_causes = Table(
    "case_causes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("case_id", Key, ForeignKey("cases.id"), nullable=False),
    Column("cause", String(64), nullable=False),  # check:<id>, flag:<kind>, appeal:<id>
    Column("detail", String(200), nullable=False, default=""),
    Column("at_ms", Ms, nullable=False),
    Index(None, "case_id"),
)

# `action`: propose, confirm, dismiss, withdraw. `spans`: JSON list of [from_ms, to_ms] to void.
decisions = Table(
    "decisions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("case_id", Key, ForeignKey("cases.id"), nullable=False),
    Column("action", String(12), nullable=False),
    Column("by_account_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("spans", Text, nullable=False, default="[]"),
    Column("at_ms", Ms, nullable=False),
    Index(None, "case_id"),
)

appeals = Table(
    "appeals",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("learner_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("lesson_id", Key, ForeignKey("lessons.id"), nullable=False),
    Column("from_ms", Ms, nullable=False),
    Column("to_ms", Ms, nullable=False),
    Column("words", String(1000), nullable=False),
    Column("case_id", Key, ForeignKey("cases.id"), nullable=False),
    Column("filed_ms", Ms, nullable=False),
    Index(None, "learner_id", "lesson_id"),
)
