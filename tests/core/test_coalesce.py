"""The pure ledger: checks settle, people decide, and fewer facts tell the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctor.core.coalesce import DECIDES, Row, coalesce, decide, ledger, totals
from proctor.core.facts import (
    COVERED,
    BeatSummary,
    CheckDecided,
    CheckKind,
    Credited,
    Decided,
    Outcome,
    Reason,
    Refused,
    Status,
)  # fmt: skip
from proctor.core.intervals import normalise, total

SUMMARY = BeatSummary(beats=1, gap_ms_max=10_000, frames=250)


def credited(stretch: int, *spans, lesson: int = 1, day: str = "d1") -> Credited:
    return Credited(
        lesson_id=lesson, at_ms=0, cause="x", stretch=stretch, spans=spans, day=day, from_at_ms=0,
        rule_version="r", summary=SUMMARY,
    )  # fmt: skip


def decided(outcome: Outcome) -> CheckDecided:
    return CheckDecided(
        lesson_id=1, at_ms=0, cause="x", check_id="c", number=1, kind=CheckKind.RANDOM, outcome=outcome, detail="",
        tries=1, review=False,
    )  # fmt: skip


def by_people(action: str, *spans, lesson: int = 1) -> Decided:
    return Decided(lesson_id=lesson, at_ms=0, cause="x", action=action, spans=spans, decision_id=1)


def refused(reason: Reason, from_ms: int, to_ms: int, lesson: int = 1) -> Refused:
    return Refused(
        lesson_id=lesson, at_ms=to_ms, cause="x", from_ms=from_ms, to_ms=to_ms, ms=to_ms - from_ms, reason=reason,
        from_at_ms=from_ms, beats=1,
    )  # fmt: skip


def row(status: Status, from_ms: int, to_ms: int) -> Row:
    return Row(1, "d1", status, from_ms, to_ms)


edges = st.integers(0, 40)
some_spans = st.lists(st.tuples(edges, edges), min_size=1, max_size=3).map(normalise)
facts = st.lists(
    st.one_of(
        st.builds(
            lambda n, spans, lesson, day: credited(n, *spans, lesson=lesson, day=day),
            st.integers(1, 12), some_spans, st.integers(1, 2), st.sampled_from(["d1", "d2"]),
        ),
        st.builds(decided, st.sampled_from([o for o in Outcome if o is not Outcome.OUR_FAULT])),
        st.builds(
            lambda action, spans: by_people(action, *spans),
            st.sampled_from(["accept", "void", "restore"]), some_spans,
        ),
        st.builds(
            lambda reason, at, lesson: refused(reason, at, at + 5, lesson),
            st.sampled_from([Reason.HIDDEN, Reason.BLURRED]), edges, st.integers(1, 2),
        ),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=200)
@given(facts)
def test_fewer_facts_give_the_same_ledger_and_the_same_refused_milliseconds(some) -> None:
    fewer = coalesce(some)
    assert len(fewer) <= len(some) and ledger(fewer) == ledger(some)
    for field in ("ms", "beats"):
        assert sum(getattr(fact, field) for fact in fewer if isinstance(fact, Refused)) == sum(
            getattr(fact, field) for fact in some if isinstance(fact, Refused)
        )
    assert coalesce(fewer) == fewer


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(Status), edges, edges), max_size=5), some_spans)
def test_a_decision_moves_milliseconds_and_never_makes_or_loses_one(raw, spans) -> None:
    rows = [row(status, a, b) for status, a, b in raw if a < b]
    for action in ("accept", "void", "restore"):
        after, _days = decide(rows, 1, action, spans)
        assert sum(totals(after).values()) == sum(totals(rows).values())


def test_runs_of_one_reason_are_one_fact_and_other_facts_part_them() -> None:
    run = [refused(Reason.HIDDEN, 0, 10), refused(Reason.HIDDEN, 10, 20), refused(Reason.BLURRED, 20, 30)]
    fewer = coalesce(run)
    assert [(fact.from_ms, fact.to_ms, fact.ms, fact.beats) for fact in fewer] == [(0, 20, 20, 2), (20, 30, 10, 1)]
    assert len(coalesce([run[0], credited(1, (0, 5)), run[1]])) == 3


def test_the_same_stretch_told_twice_counts_once() -> None:
    assert ledger([credited(1, (0, 10)), credited(1, (0, 10))]) == (row(Status.PROVISIONAL, 0, 10),)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.PASSED, Status.FINAL),
        (Outcome.UNCLEAR, Status.WAITING),
        (Outcome.MISSED, Status.WITHHELD),
        (Outcome.MISMATCH, Status.WITHHELD),
    ],
)
def test_a_decided_check_settles_what_is_provisional_and_nothing_else(outcome, status) -> None:
    before = [credited(1, (0, 10)), decided(Outcome.UNCLEAR), credited(2, (20, 30)), decided(outcome)]
    assert ledger(before) == tuple(sorted([row(Status.WAITING, 0, 10), row(status, 20, 30)]))


@pytest.mark.parametrize("action", ["accept", "void", "restore"])
@pytest.mark.parametrize("status", list(Status))
def test_a_decision_does_to_each_status_what_its_table_says(action, status) -> None:
    after = DECIDES.get((action, status), status)
    rows, days = decide([row(status, 0, 10)], 1, action, ((0, 10),))
    assert rows == [row(after, 0, 10)] and days == ({rows[0].day} if after is not status else set())


def test_a_void_takes_only_what_it_names() -> None:
    found = ledger([credited(1, (0, 30)), decided(Outcome.PASSED), by_people("void", (10, 20))])
    assert found == tuple(
        sorted([row(Status.FINAL, 0, 10), row(Status.FINAL, 20, 30), row(Status.VOID, 10, 20)])
    )


def test_what_was_watched_again_is_never_paid_twice_by_a_restore() -> None:
    again = [credited(1, (0, 10)), decided(Outcome.MISSED), credited(2, (0, 6)), by_people("restore", (0, 10))]
    found = ledger(again)
    counted = [one for one in found if one.status in COVERED]
    assert total(normalise((one.from_ms, one.to_ms) for one in counted)) == 10
    assert row(Status.WITHHELD, 0, 6) in found and row(Status.FINAL, 6, 10) in found


def test_a_decision_about_another_lesson_changes_nothing() -> None:
    assert ledger([credited(1, (0, 10)), by_people("void", (0, 10), lesson=2)]) == (row(Status.PROVISIONAL, 0, 10),)
