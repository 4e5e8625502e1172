"""Consents, face templates, and the register of evidence with its deletion timer."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, LargeBinary, String, Table

from proctor.modules.schema import Key, Ms, metadata

# Append-only: the newest row of a learner and purpose is what holds. `choice`: given, refused, withdrawn.
consents = Table(
    "consents",
    metadata,
    Column("id", Key, primary_key=True),
    Column("learner_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("purpose", String(32), nullable=False),  # face_check
    Column("choice", String(12), nullable=False),
    Column("notice_version", String(32), nullable=False),
    Column("notice_sha256", String(64), nullable=False),
    Column("at_ms", Ms, nullable=False),
    Index(None, "learner_id", "purpose", "id"),
)

# The real-name photo (as evidence) and the template computed from it, both encrypted.
enrolments = Table(
    "enrolments",
    metadata,
    Column("learner_id", Key, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("model", String(64), nullable=False, default=""),  # "" until a worker computed the template
    Column("template_sealed", LargeBinary),  # template: 128 float32
    Column("evidence_id", String(64), nullable=False),
    Column("source", String(16), nullable=False),  # id_photo, first_capture
    Column("created_ms", Ms, nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("institution_id", Key, nullable=False),
    Column("learner_id", Key, nullable=False),
    Column("kind", String(16), nullable=False),  # enrolment, burst
    Column("check_id", String(32), nullable=False, default=""),
    Column("sha256", String(64), nullable=False),
    Column("created_ms", Ms, nullable=False),
    Column("delete_after_ms", Ms, nullable=False),
    Column("held", Boolean, nullable=False, default=False),  # a case needs it
    Column("deleted_ms", Ms),
    Index(None, "deleted_ms", "delete_after_ms"),
)
