"""Rows of the records in memory: what the tables of the modules hold in SQL, as far as the live half needs it."""

from __future__ import annotations

from dataclasses import dataclass, field

from proctor.core.coalesce import Row


@dataclass(slots=True, kw_only=True)
class Account:
    institution_id: int
    version: int = 1
    status: str = "active"
    face_consent: bool = True
    enrolled: bool = True


@dataclass(slots=True, kw_only=True)
class Lesson:
    course_id: int
    duration_ms: int
    filed: bool = True
    taken_down_ms: int | None = None


@dataclass(slots=True, kw_only=True)
class Class:
    course_ids: tuple[int, ...]
    roster: set[int]
    opens_ms: int = 0
    closes_ms: int = 2**62
    policy: str = ""


@dataclass(slots=True, kw_only=True)
class Institution:
    zone: str = "Asia/Shanghai"
    policy: str = ""


@dataclass(slots=True)
class Directory:
    """Who may study what: what accounts, catalogue and privacy hold in SQL. Keys are ids."""

    institutions: dict[int, Institution] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    logins: dict[str, tuple[int, int]] = field(default_factory=dict)  # account, end (epoch ms)
    lessons: dict[int, Lesson] = field(default_factory=dict)
    classes: dict[int, Class] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Seat:
    fence: int
    lesson_id: int
    node: str = ""
    state: bytes = b""
    stored_stretch: int = 0
    stored_facts: int = 0  # of the session that has the seat
    instruction_version: int = 0


class LedgerRow(Row, frozen=True, gc=False):
    settled_by: str = ""  # check:<id> or decision:<id>


@dataclass(slots=True, kw_only=True)
class CheckRow:
    learner_id: int
    lesson_id: int
    number: int
    kind: str
    way: str = "routine"  # of its newest try
    outcome: str = "pending"
    detail: str = ""
    tries: int = 0


@dataclass(slots=True, kw_only=True)
class CaseRow:
    id: int
    learner_id: int
    lesson_id: int
    kind: str
    severity: int
    status: str = "open"
    outcome: str = ""
    version: int = 1
    causes: list[str] = field(default_factory=list)
