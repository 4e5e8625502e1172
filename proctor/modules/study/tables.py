"""Seats, facts, ledger, checks, instructions and rollups: what studying leaves behind."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)  # fmt: skip

from proctor.modules.schema import Key, Ms, metadata

# One row per learner. The fence guard (strictly greater to open, equal to write) is the safety of the house.
seats = Table(
    "seats",
    metadata,
    Column("learner_id", Key, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("fence", Key, nullable=False),
    Column("node", String(64), nullable=False),
    Column("device_id", String(32), nullable=False),
    Column("page_id", String(32), nullable=False),
    Column("lesson_id", Key, nullable=False),
    Column("state", LargeBinary, nullable=False),  # encoded core Snapshot
    Column("stored_stretch", Integer, nullable=False, default=0),
    Column("stored_facts", Integer, nullable=False, default=0),  # of the session that has the seat
    Column("instruction_version", Integer, nullable=False, default=0),
    Column("updated_ms", Ms, nullable=False),
)

facts = Table(
    "facts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("learner_id", Key, nullable=False),
    Column("lesson_id", Key, nullable=False),
    Column("fence", Key, nullable=False),
    Column("kind", String(24), nullable=False),
    Column("at_ms", Ms, nullable=False),
    Column("cause", String(64), nullable=False),
    Column("body", Text, nullable=False),  # the encoded fact
    Index(None, "learner_id", "lesson_id", "id"),
)

# One row per granted span; a decision splits rows at its edges. `status`: core Status.
ledger = Table(
    "ledger",
    metadata,
    Column("id", Key, primary_key=True),
    Column("learner_id", Key, nullable=False),
    Column("lesson_id", Key, nullable=False),
    Column("stretch", Integer, nullable=False),
    Column("from_ms", Ms, nullable=False),
    Column("to_ms", Ms, nullable=False),
    Column("day", String(10), nullable=False),
    Column("status", String(12), nullable=False),
    Column("granted_ms", Ms, nullable=False),  # when the stretch closed
    Column("settled_ms", Ms),  # when the status last changed
    Column("settled_by", String(64), nullable=False, default=""),  # check:<id> or decision:<id>
    Column("rule_version", String(32), nullable=False),
    Index(None, "learner_id", "lesson_id", "from_ms"),
    Index(None, "learner_id", "status"),
    Index(None, "learner_id", "day"),
)

checks = Table(
    "checks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("learner_id", Key, nullable=False),
    Column("lesson_id", Key, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("issued_ms", Ms, nullable=False),
    Column("outcome", String(12), nullable=False, default="pending"),  # core Outcome, pending or cancelled
    Column("detail", String(64), nullable=False, default=""),
    Column("tries", Integer, nullable=False, default=0),
    Column("decided_ms", Ms),
    Column("way", String(8), nullable=False, server_default="routine"),  # core CheckWay, of its newest try
    Index(None, "learner_id", "lesson_id", "number"),
)

# Written by the face worker with its verdict. `evidence_id` is emptied when the frames are deleted.
bursts = Table(
    "bursts",
    metadata,
    Column("check_id", String(32), primary_key=True),
    Column("try_number", Integer, primary_key=True),
    Column("learner_id", Key, nullable=False),
    Column("outcome", String(12), nullable=False),
    Column("detail", String(64), nullable=False),
    Column("score", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("model", String(64), nullable=False),
    Column("frames", Integer, nullable=False),
    Column("source", String(8), nullable=False),
    Column("evidence_id", String(64), nullable=False, default=""),
    Column("accepted_ms", Ms, nullable=False),
    Column("judged_ms", Ms, nullable=False),
    Column("way", String(8), nullable=False, server_default="routine"),  # core CheckWay
    Column("cues", String(200), nullable=False, server_default=""),  # what spoke against a live person, in words keys
    Column("precision", String(8), nullable=False, server_default=""),  # of the model that judged
    Column("active_next", Boolean, nullable=False, server_default=false()),
    Column("version", String(48), nullable=False, server_default=""),  # of that model: digest of its file, engine
)

instructions = Table(
    "instructions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("learner_id", Key, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),  # encoded core Instruction
    Column("created_ms", Ms, nullable=False),
    UniqueConstraint("learner_id", "version"),
)

rollups = Table(
    "rollups",
    metadata,
    Column("learner_id", Key, primary_key=True, autoincrement=False),
    Column("lesson_id", Key, primary_key=True, autoincrement=False),
    Column("day", String(10), primary_key=True),
    Column("provisional_ms", Ms, nullable=False, default=0),
    Column("waiting_ms", Ms, nullable=False, default=0),
    Column("withheld_ms", Ms, nullable=False, default=0),
    Column("final_ms", Ms, nullable=False, default=0),
    Column("void_ms", Ms, nullable=False, default=0),
)

# Progress of one learner in one lesson that rollups cannot say.
lesson_states = Table(
    "lesson_states",
    metadata,
    Column("learner_id", Key, primary_key=True, autoincrement=False),
    Column("lesson_id", Key, primary_key=True, autoincrement=False),
    Column("position_ms", Ms, nullable=False, default=0),
    Column("completed", Boolean, nullable=False, default=False),
    Column("first_ms", Ms, nullable=False),
    Column("last_ms", Ms, nullable=False),
)
