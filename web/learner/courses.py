"""学习: where to go on, today's plan against the cap, courses with progress; and one course's lessons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from proctor.core.inputs import Totals
from proctor.errors import Refused
from proctor.modules.accounts import queries as accounts
from proctor.modules.catalog import queries as catalog
from proctor.modules.catalog.queries import LessonRow
from proctor.modules.study import queries as study
from proctor.modules.study.queries import LessonProgress
from web import context
from web.api.lessons import media_base
from web.learner.consent import must_ask
from web.render import at, render


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonView:
    """One lesson of a list. Parts are per mille of its length; `state`: done, part, new, off."""

    id: int
    title: str
    duration_ms: int
    final_part: int
    open_part: int
    left_ms: int
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseView:
    id: int
    title: str
    summary: str
    category: str
    class_name: str
    lessons: int
    done: int
    final_part: int
    open_part: int
    total_ms: int
    counted_ms: int
    final_ms: int
    withheld_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeView:
    lesson_id: int
    title: str
    course_title: str
    left_ms: int
    poster: str
    begun: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnPage:
    courses: list[CourseView]
    resume: ResumeView | None
    day_ms: int
    cap_ms: int
    ask_consent: bool
    room: str = "learn"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePage:
    course: CourseView
    rows: list[LessonView]
    room: str = "learn"


def counted_ms(totals: Totals) -> int:
    """What counts now: provisional, waiting and final."""
    return totals.provisional_ms + totals.waiting_ms + totals.final_ms


def lesson_view(row: LessonRow, progress: LessonProgress | None) -> LessonView:
    totals = progress.totals if progress else Totals()
    counted = counted_ms(totals)
    done = bool(progress and progress.completed)
    state = "off" if not row.standing.playable else "done" if done else "part" if counted else "new"
    final_part = min(1_000, totals.final_ms * 1_000 // row.duration_ms)
    return LessonView(
        id=row.id, title=row.title, duration_ms=row.duration_ms, final_part=final_part,
        open_part=min(1_000 - final_part, (counted - totals.final_ms) * 1_000 // row.duration_ms),
        left_ms=0 if done else max(0, row.duration_ms - counted), state=state, reason=row.standing.reason,
    )  # fmt: skip


def course_view(rows: list[LessonRow], progress: dict[int, LessonProgress]) -> CourseView:
    """Sums over the lessons that earn; a course without any is all of it."""
    first = rows[0]
    earning = [row for row in rows if row.filing_no] or rows
    totals = [progress[row.id].totals for row in earning if row.id in progress]
    total_ms = sum(row.duration_ms for row in earning)
    final_ms = sum(item.final_ms for item in totals)
    counted = sum(counted_ms(item) for item in totals)
    final_part = min(1_000, final_ms * 1_000 // max(1, total_ms))
    return CourseView(
        id=first.course_id, title=first.course_title, summary=first.course_summary,
        category=first.course_category, class_name=first.class_name, lessons=len(earning),
        done=sum(1 for row in earning if row.id in progress and progress[row.id].completed),
        final_part=final_part,
        open_part=min(1_000 - final_part, (counted - final_ms) * 1_000 // max(1, total_ms)),
        total_ms=total_ms, counted_ms=counted, final_ms=final_ms,
        withheld_ms=sum(item.withheld_ms for item in totals),
    )  # fmt: skip


def by_course(rows: Iterable[LessonRow]) -> dict[int, list[LessonRow]]:
    found: dict[int, list[LessonRow]] = {}
    for row in rows:
        found.setdefault(row.course_id, []).append(row)
    return found


async def learn(request: web.Request) -> web.StreamResponse:
    """GET /learn"""
    person, deps, now_ms = context.signed(request), context.deps(request), context.now_ms()
    async with deps.db.read() as conn:
        rows = await catalog.lessons_of_learner(conn, person.institution_id, person.account_id, now_ms)
        progress = await study.progress(conn, person.account_id)
        day_ms = await study.granted_on_day(conn, person.account_id, at(now_ms, person.zone, "%Y-%m-%d"))
        policy = await accounts.institution_policy(conn, person.institution_id, deps.settings.policy)
        ask = await must_ask(request, conn)
    page = LearnPage(
        courses=[course_view(group, progress) for group in by_course(rows).values()],
        resume=_resume(request, rows, progress),
        day_ms=day_ms,
        cap_ms=policy.daily_cap_ms,
        ask_consent=ask,
    )
    return render(request, "learner/learn.html", page)


def _resume(
    request: web.Request, rows: list[LessonRow], progress: dict[int, LessonProgress]
) -> ResumeView | None:
    """The lesson last studied and not complete, else the first one that is not complete and earns."""
    open_rows = [
        row for row in rows
        if row.standing.playable and not (row.id in progress and progress[row.id].completed)
    ]  # fmt: skip
    if not open_rows:
        return None
    begun = [row for row in open_rows if row.id in progress]
    earning = [row for row in open_rows if row.standing.earns]
    row = max(begun, key=lambda item: progress[item.id].last_ms) if begun else (earning or open_rows)[0]
    view = lesson_view(row, progress.get(row.id))
    poster = f"{media_base(request, context.signed(request).account_id, row.id)}/poster.jpg"
    return ResumeView(
        lesson_id=row.id, title=row.title, course_title=row.course_title, left_ms=view.left_ms,
        poster=poster, begun=bool(begun),
    )  # fmt: skip


async def course(request: web.Request) -> web.StreamResponse:
    """GET /courses/{id}"""
    person, deps = context.signed(request), context.deps(request)

    async def work(conn):
        rows = await catalog.lessons_of_learner(
            conn, person.institution_id, person.account_id, context.now_ms(),
            course_id=context.path_id(request, "id"),
        )  # fmt: skip
        return rows, await study.progress(conn, person.account_id) if rows else {}

    rows, progress = await deps.db.read_in_one(work)
    if not rows:
        raise Refused("not_found")
    page = CoursePage(
        course=course_view(rows, progress),
        rows=[lesson_view(row, progress.get(row.id)) for row in rows],
    )
    return render(request, "learner/course.html", page)
