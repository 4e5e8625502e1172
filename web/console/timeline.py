"""One lesson as rows for reviewers: what was counted or not, and which check or decision made it so."""

from __future__ import annotations

from proctor.modules.study.queries import LessonRecord
from web.console import words
from web.console.words import Translate
from web.learner import words as learner_words
from web.render import at, hours

ROWS_MAX = 300


def timeline_rows(record: LessonRecord, _: Translate, zone: str) -> list[dict[str, str]]:
    """Rows in the order of the lesson: range, what, why, length, at. At most ROWS_MAX."""
    rows: list[tuple[int, int, dict[str, str]]] = []
    checks = {f"check:{check.id}": check for check in record.checks}
    for row in record.ledger:
        check = checks.get(row.settled_by)
        why = ""
        if check is not None:
            why = learner_words.because(
                _, learner_words.check(_, check.kind, check.way), words.settled(_, check.outcome, check.detail)
            )
        elif row.settled_by.startswith("decision:"):
            why = _("审核员的决定")
        rows.append((row.from_ms, row.to_ms, _row(row.from_ms, row.to_ms, _(words.STATUSES[row.status]), why,
                                                  row.granted_ms, _, zone)))  # fmt: skip
    for run in record.refused:
        why = _(learner_words.REASONS.get(run.reason, learner_words.KINDS["uncounted"]))
        what = _(learner_words.KINDS["uncounted"])
        rows.append((run.from_ms, run.to_ms, _row(run.from_ms, run.to_ms, what, why, run.at_ms, _, zone)))
    rows.sort(key=lambda item: item[:2])
    return [row for _from_ms, _to_ms, row in rows[:ROWS_MAX]]


def _row(from_ms: int, to_ms: int, what: str, why: str, at_ms: int, _: Translate, zone: str) -> dict[str, str]:
    return {
        "range": words.between(from_ms, to_ms), "what": what, "why": why,
        "length": hours(to_ms - from_ms, _), "at": at(at_ms, zone),
    }  # fmt: skip
