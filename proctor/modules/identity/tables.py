"""Where an enrolment comes from, who approved it, and who may be two accounts of one person."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, LargeBinary, String, Table, UniqueConstraint

from proctor.modules.schema import Key, Ms, metadata

# One row per photo that was ever handed in. `enrolments` (module privacy) holds what checks are compared with now:
# the row here with the same `evidence_id`. `state`: received (nobody looked yet), unusable (no face to compare with),
# pending (waits for a person), approved, rejected, replaced (a newer one was approved), withdrawn (consent is gone).
# `template_sealed` stands only while a pending photo is not in use yet: history keeps no template.
enrolment_history = Table(
    "enrolment_history",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("learner_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("source", String(16), nullable=False),  # id_photo, capture, first_capture
    Column("state", String(12), nullable=False),
    Column("evidence_id", String(64), nullable=False),
    Column("template_sealed", LargeBinary),  # enrolment.template
    Column("model", String(64), nullable=False, default=""),
    Column("quality", String(1000), nullable=False, default="{}"),  # JSON: what the worker measured
    Column("problem", String(32), nullable=False, default=""),  # words key of an unusable photo
    Column("authority", String(12), nullable=False, default=""),  # same, different, unknown; "" not asked
    Column("authority_name", String(64), nullable=False, default=""),
    Column("submitted_by", Key, nullable=False),
    Column("submitted_ms", Ms, nullable=False),
    Column("taken_ms", Ms, nullable=False, default=0),  # a worker looks at it since then
    Column("decided_by", Key, nullable=False, default=0),  # 0: an authority, or nobody yet
    Column("decided_ms", Ms),
    Column("reason", String(500), nullable=False, default=""),
    Column("ended_ms", Ms),  # replaced, withdrawn, or rejected while it was in use
    Index("ix_enrolment_history_queue", "institution_id", "state", "submitted_ms"),
    Index("ix_enrolment_history_learner", "learner_id", "id"),
    Index("ix_enrolment_history_desk", "state", "taken_ms"),
)

# Two accounts whose templates are alike. `state`: open, same (one person), different (a likeness).
duplicate_flags = Table(
    "duplicate_flags",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("learner_id", Key, ForeignKey("accounts.id"), nullable=False),  # the smaller of the two ids
    Column("other_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("score", Float, nullable=False),
    Column("model", String(64), nullable=False),
    Column("state", String(12), nullable=False, default="open"),
    Column("opened_ms", Ms, nullable=False),
    Column("decided_by", Key, nullable=False, default=0),
    Column("decided_ms", Ms),
    Column("reason", String(500), nullable=False, default=""),
    UniqueConstraint("learner_id", "other_id"),
    Index("ix_duplicate_flags_queue", "institution_id", "state"),
)
