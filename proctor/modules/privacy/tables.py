"""Consents, face templates, the register of evidence with its deletion timer, and the proofs of what became of it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from proctor.modules.schema import Key, Ms, metadata

# Append-only: the newest row of a learner and purpose is what holds. `choice`: given, refused, withdrawn; of the
# purpose `age`, which is no consent and stands beside the first one: child, minor, adult, as the learner stated.
consents = Table(
    "consents",
    metadata,
    Column("id", Key, primary_key=True),
    Column("learner_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("purpose", String(32), nullable=False),  # face_check, province, age
    Column("choice", String(12), nullable=False),
    Column("notice_version", String(32), nullable=False),
    Column("notice_sha256", String(64), nullable=False),
    Column("at_ms", Ms, nullable=False),
    Column("guardian_id", Key),  # who agreed for somebody under 14: guardians.id
    Index(None, "learner_id", "purpose", "id"),
)

# Every text that somebody chose by, as they read it: a hash alone proves nothing once the page has changed.
notices = Table(
    "notices",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("purpose", String(32), nullable=False),
    Column("version", String(32), nullable=False),
    Column("lang", String(8), nullable=False),
    Column("body", Text, nullable=False),
    Column("first_ms", Ms, nullable=False),
)

# A guardian's statement for a learner under 14. `state`: asked, confirmed, refused, withdrawn. Face checks are off
# until it is confirmed, by a code sent to the guardian's phone or by a member of staff who asked them.
guardians = Table(
    "guardians",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("learner_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("name_sealed", LargeBinary, nullable=False),  # guardian.name
    Column("phone_sealed", LargeBinary, nullable=False),  # guardian.phone
    Column("phone_index", LargeBinary(32), nullable=False),  # keyed (vault index, guardian.phone)
    Column("relation", String(16), nullable=False),  # father, mother, other
    Column("notice_version", String(32), nullable=False),
    Column("notice_sha256", String(64), nullable=False),  # the text that the guardian read: a row of `notices`
    Column("province_sha256", String(64), nullable=False),
    Column("province", Boolean, nullable=False, default=False),  # agreed to passing on as well
    Column("state", String(12), nullable=False, default="asked"),
    Column("asked_ms", Ms, nullable=False),
    Column("code_hash", LargeBinary(32)),  # keyed (vault index)
    Column("code_expires_ms", Ms, nullable=False, default=0),
    Column("code_sends", Integer, nullable=False, default=0),
    Column("code_wrong", Integer, nullable=False, default=0),
    Column("decided_ms", Ms),
    Column("decided_by", Key),  # staff; NULL: the guardian, by code
    Column("decided_note", String(500), nullable=False, default=""),
    Index(None, "institution_id", "state", "asked_ms"),
    Index(None, "learner_id", "id"),
    Index(None, "phone_index", "asked_ms"),
)

# Staff who want to see pictures of somebody under 18 need another person's yes. `state`: asked, approved, refused.
face_access = Table(
    "face_access",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("learner_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("asked_by", Key, ForeignKey("accounts.id"), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("asked_ms", Ms, nullable=False),
    Column("state", String(12), nullable=False, default="asked"),
    Column("decided_by", Key),
    Column("decided_ms", Ms),
    Column("until_ms", Ms, nullable=False, default=0),
    Index("ix_face_access_institution", "institution_id", "state", "asked_ms"),  # PostgreSQL: 63 characters
    Index("ix_face_access_learner", "learner_id", "asked_by", "state"),
)

# The real-name photo (as evidence) and the template computed from it, both encrypted.
enrolments = Table(
    "enrolments",
    metadata,
    Column("learner_id", Key, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("model", String(64), nullable=False, default=""),  # "" until a worker computed the template
    Column("template_sealed", LargeBinary),  # template: 128 float32, under the learner's own key
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
    Column("deleted_why", String(16), nullable=False, default=""),  # a key of `clocks.CLOCKS`
    Index(None, "deleted_ms", "delete_after_ms"),
    Index(None, "check_id"),
    Index(None, "learner_id", "deleted_ms"),
)

# Keys that pictures and templates of one learner are sealed with, themselves sealed by the master key. Erasing the
# sealed key makes them unreadable wherever copies lie: a backup carries this table apart from all else.
face_keys = Table(
    "face_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("learner_id", Key, nullable=False),
    Column("kind", String(16), nullable=False),  # enrolment (photo, template, traces), burst, retired
    Column("key_sealed", LargeBinary),  # face_key.<id>; NULL: erased
    Column("created_ms", Ms, nullable=False),
    Column("erased_ms", Ms),
    Index(None, "learner_id", "kind"),
)

# Everything of one learner's face is to go: who asked, and the signed certificate once it is gone.
erasures = Table(
    "erasures",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("learner_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("why", String(16), nullable=False),  # a key of `clocks.CLOCKS`
    Column("asked_by", Key, nullable=False),  # 0: a timer
    Column("asked_ms", Ms, nullable=False),
    Column("done_ms", Ms),
    Column("certificate", Text, nullable=False, default=""),  # JSON, as it was signed
    Column("sha256", String(64), nullable=False, default=""),
    Column("signature", LargeBinary),
    Index(None, "done_ms", "asked_ms"),
    Index(None, "learner_id", "id"),
    Index(None, "institution_id", "id"),
)

# Named duties to keep pictures of checks longer than until the decision: of a class, or of the whole institution.
duties = Table(
    "duties",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("class_id", Key, ForeignKey("classes.id")),  # NULL: all classes
    Column("basis", String(200), nullable=False),  # the rule or letter that demands it
    Column("reason", String(500), nullable=False),
    Column("from_ms", Ms, nullable=False),
    Column("until_ms", Ms, nullable=False),
    Column("created_by", Key, ForeignKey("accounts.id"), nullable=False),
    Column("ended_ms", Ms),
    Column("ended_by", Key),
    Index(None, "institution_id", "until_ms"),
)

# The number of persons with stored faces reached a level; at the highest one a filing is due.
filings = Table(
    "filings",
    metadata,
    Column("id", Key, primary_key=True),
    Column("level", Integer, nullable=False),
    Column("persons", Integer, nullable=False),
    Column("reached_ms", Ms, nullable=False),
    Column("due_day", String(10), nullable=False, default=""),  # of the filing; "" for the earlier levels
    Column("cleared_ms", Ms),  # below the level again
    Column("filed_ms", Ms),
    Column("filed_by", Key),
    Column("reference", String(64), nullable=False, default=""),
    Index(None, "level", "cleared_ms"),
)

# Signs of a learner's earlier captures, one row a burst: a capture that comes again is found by them. No picture, and
# still biometric: sealed, bounded per learner, gone with the consent or after `traces_days`.
face_traces = Table(
    "face_traces",
    metadata,
    Column("id", Key, primary_key=True),
    Column("learner_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("check_id", String(32), nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("model", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # faces.replay.Trace of each frame
    Column("at_ms", Ms, nullable=False),
    UniqueConstraint("check_id", "try_number"),
    Index(None, "learner_id", "id"),
    Index(None, "at_ms"),
)
