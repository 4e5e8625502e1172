"""Courses, lessons, classes and rosters. A lesson row is one immutable version of its content."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from proctor.modules.schema import Key, Ms, metadata

courses = Table(
    "courses",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("title", String(200), nullable=False),
    Column("summary", String(1000), nullable=False, default=""),
    Column("category", String(64), nullable=False, default=""),
    Column("created_ms", Ms, nullable=False),
)

lessons = Table(
    "lessons",
    metadata,
    Column("id", Key, primary_key=True),
    Column("course_id", Key, ForeignKey("courses.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("title", String(200), nullable=False),
    Column("duration_ms", Ms, nullable=False),  # from the server's own probe of the file
    Column("media", String(200), nullable=False),  # folder below data/media, holds index.m3u8 and poster.jpg
    Column("content_sha256", String(64), nullable=False),
    Column("filing_no", String(64)),  # 备案号; NULL: earns nothing
    Column("taken_down_ms", Ms),
    Column("created_ms", Ms, nullable=False),
    Index(None, "course_id", "position"),
)

classes = Table(
    "classes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("opens_ms", Ms, nullable=False),
    Column("closes_ms", Ms, nullable=False),
    Column("policy", String(4000), nullable=False, default="{}"),
    Column("created_ms", Ms, nullable=False),
)

class_courses = Table(
    "class_courses",
    metadata,
    Column("class_id", Key, ForeignKey("classes.id"), primary_key=True),
    Column("course_id", Key, ForeignKey("courses.id"), primary_key=True),
)

rosters = Table(
    "rosters",
    metadata,
    Column("class_id", Key, ForeignKey("classes.id"), primary_key=True),
    Column("learner_id", Key, ForeignKey("accounts.id"), primary_key=True),
    Column("enrolled_ms", Ms, nullable=False),
    UniqueConstraint("learner_id", "class_id"),
)
