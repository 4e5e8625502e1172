"""One seat from welcome to goodbye: what beats, checks, instructions and time come to."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctor.core.coalesce import coalesce, ledger, totals
from proctor.core.facts import (
    CapReached,
    CheckDecided,
    CheckIssued,
    CheckKind,
    CheckUndecided,
    CheckWay,
    Closed,
    Completed,
    Credited,
    Decided,
    Flagged,
    Outcome,
    Reason,
    Refused,
    Status,
    Stopped,
)  # fmt: skip
from proctor.core.inputs import Instruction, Licence, Totals, Verdict
from proctor.core.intervals import normalise, total
from proctor.core.policy import Policy
from proctor.core.session import Session
from proctor.core.snapshot import encode_snapshot
from proctor.core.wire import Beat, Sheet
from tests.core.worlds import T0, Dice, Player, after, opening


def of(player: Player, kind) -> list:
    return [fact for fact in player.facts if isinstance(fact, kind)]


def status_ms(player: Player) -> dict[Status, int]:
    found: dict[Status, int] = {}
    for (_lesson, _day, status), ms in totals(ledger(player.facts)).items():
        found[status] = found.get(status, 0) + ms
    return found


def test_an_honest_minute_is_counted_whole_and_final_after_the_end_check() -> None:
    player = Player(duration_ms=60_000)
    player.play()
    for _ in range(6):
        player.beat()
    assert player.total_ms == 60_000 and of(player, Completed)
    player.pass_check()
    assert of(player, CheckDecided)[-1].kind is CheckKind.END
    assert status_ms(player) == {Status.FINAL: 60_000} and player.session.final_ms == 60_000


def test_nothing_is_counted_before_the_start_check() -> None:
    player = Player(passed=False)
    player.tick()
    player.play()
    player.beat()
    assert player.total_ms == 0 and player.session.view().why == Reason.CHECK_OPEN


@pytest.mark.parametrize(
    ("signs", "reason"),
    [
        ({"visible": False}, Reason.HIDDEN),
        ({"focused": False}, Reason.BLURRED),
        ({"pip": True}, Reason.PICTURE_IN_PICTURE),
        ({"frames": 0}, Reason.NO_FRAMES),
        ({"nonce": "00000000"}, Reason.STALE),
    ],
)
def test_a_contradiction_earns_nothing_and_says_why(signs, reason) -> None:
    player = Player()
    player.play()
    player.beat()
    player.beat(**signs)
    assert player.total_ms == 10_000
    player.beat("pause", 0)
    assert [fact.reason for fact in of(player, Refused)] == [reason]


def test_absent_frames_are_no_contradiction() -> None:
    player = Player()
    player.play()
    player.beat(frames=-1)
    assert player.total_ms == 10_000


def test_seeking_ahead_opens_nothing_and_back_is_free() -> None:
    player = Player()
    player.play()
    player.beat()
    player.pos = 300_000
    player.beat()
    assert player.total_ms == 10_000 and player.session.view().why == Reason.SEEK_AHEAD
    player.pos = 5_000
    player.beat()
    assert player.total_ms == 15_000


def test_beats_must_follow_each_other() -> None:
    player = Player()
    player.play()
    player.beat()
    player.beat(seq=1)
    player.beat(seq=9)
    assert player.total_ms == 10_000 and player.session.seq == 2
    assert [flag.flag for flag in of(player, Flagged)] == ["stale_beats"]


def test_too_many_beats_a_minute_earn_nothing() -> None:
    player = Player(Policy(beats_per_minute_max=10))
    player.play()
    for _ in range(15):
        player.beat(wait_ms=100)
    assert player.session.view().why == Reason.TOO_OFTEN
    for _ in range(8):
        player.beat(wait_ms=100)
    assert player.session.overrun


def test_an_unfiled_lesson_plays_earns_nothing_and_is_not_checked() -> None:
    player = Player(licence=Licence(earns=False, reason="unfiled"))
    player.play()
    player.beat()
    assert player.total_ms == 0 and player.session.view().why == Reason.UNFILED and not of(player, CheckIssued)


def test_the_daily_cap_stops_credit_with_a_word_once() -> None:
    player = Player(Policy(daily_cap_ms=15_000))
    player.play()
    for _ in range(3):
        player.beat()
    assert player.total_ms == 15_000 and len(of(player, CapReached)) == 1
    assert player.session.view().why == Reason.DAILY_CAP


def test_midnight_splits_the_beat_across_it() -> None:
    player = Player(day_end_ms=T0 + 14_000)
    player.play()
    player.beat()
    player.now_ms += 4_100
    player.add(player.session.new_day("2026-11-25", T0 + 86_400_000, player.now_ms))
    player.beat(wait_ms=5_900, played_ms=10_000)
    player.beat("pause", 0)
    days = {fact.day: total(fact.spans) for fact in of(player, Credited) if fact.day == "2026-11-25"}
    assert days == {"2026-11-25": 6_000} and player.total_ms == 20_000 and player.session.day_used_ms == 6_000


def test_random_checks_come_within_their_bounds_and_only_while_playing() -> None:
    for roll, expected_ms in ((0, 420_000), (2**32 - 1, 900_000)):
        player = Player(roll=roll, duration_ms=2_000_000)
        player.play()
        while len(of(player, CheckIssued)) < 2:
            player.beat()
            player.tick()
        assert of(player, CheckIssued)[1].kind is CheckKind.RANDOM
        assert player.total_ms == expected_ms


CHECK_OUTCOMES = [
    (["passed"], Outcome.PASSED, Status.FINAL, True),
    (["unclear", "passed"], Outcome.PASSED, Status.FINAL, True),
    (["unclear", "unclear", "unclear"], Outcome.UNCLEAR, Status.WAITING, True),
    (["mismatch", "mismatch"], Outcome.MISMATCH, Status.WITHHELD, False),
    (["mismatch", "unclear", "mismatch"], Outcome.UNCLEAR, Status.WAITING, True),
    (["mismatch", "passed"], Outcome.PASSED, Status.FINAL, True),
]


@pytest.mark.parametrize(("verdicts", "outcome", "status", "go_on"), CHECK_OUTCOMES)
def test_outcomes_of_a_check(verdicts, outcome, status, go_on) -> None:
    """The table of outcomes: what becomes of the credit, and whether playback goes on."""
    player = Player(duration_ms=2_000_000)
    player.play()
    while not player.session.person.is_due(player.now_ms):
        player.beat()
    for verdict in verdicts:
        player.pass_check(Outcome(verdict), "dark")
    decided = of(player, CheckDecided)[-1]
    assert decided.outcome is outcome and status_ms(player) == {status: 420_000}
    assert player.session.view().go_on is go_on
    assert decided.review is (outcome in (Outcome.UNCLEAR, Outcome.MISMATCH))
    assert bool(of(player, Stopped)) is (outcome is Outcome.MISMATCH)
    covered = 0 if outcome is Outcome.MISMATCH else 420_000
    assert player.total_ms == covered


def to_random_check(player: Player) -> None:
    player.play()
    while not player.session.person.is_due(player.now_ms):
        player.beat()
    player.tick()


def test_a_missed_check_withholds_and_playback_waits_for_the_next_one() -> None:
    player = Player(duration_ms=2_000_000)
    to_random_check(player)
    player.now_ms += 60_000
    check_id, try_number = player.session.wants_verdict(player.now_ms)
    assert try_number == 1
    player.add(player.session.expired(check_id, player.now_ms, player.dice()))
    assert of(player, CheckDecided)[-1].outcome is Outcome.MISSED and not of(player, CheckDecided)[-1].review
    assert status_ms(player) == {Status.WITHHELD: 420_000} and player.total_ms == 0
    player.pos = 0
    player.beat()
    assert player.total_ms == 0 and player.session.view().why == Reason.CHECK_OPEN
    player.session.sheet(Sheet(check="", state="open"), player.now_ms, player.dice())
    player.pass_check()
    player.beat(wait_ms=0, played_ms=0)
    player.beat()
    assert player.total_ms == 10_000


def test_our_fault_is_never_decided_and_asked_again_soon() -> None:
    player = Player(duration_ms=2_000_000)
    to_random_check(player)
    check = player.session.person.check
    player.session.accepted(check.check_id, 1, player.now_ms)
    player.now_ms += 10_000
    assert player.session.wants_verdict(player.now_ms) == (check.check_id, 1)
    player.add(player.session.verdict_late(check.check_id, player.now_ms, player.dice()))
    assert of(player, CheckUndecided)[-1].why == "our_fault" and status_ms(player) == {Status.PROVISIONAL: 420_000}
    assert player.session.view().go_on
    player.now_ms += 30_000
    player.pass_check()
    assert status_ms(player) == {Status.FINAL: 420_000}


def test_without_a_worker_a_lesson_can_begin_and_the_next_decided_check_spans_it() -> None:
    """A start check that failed by our fault stayed due as such, and nobody could begin while workers were gone."""
    player = Player(passed=False, duration_ms=2_000_000)
    player.pass_check(Outcome.OUR_FAULT)
    assert player.session.view().go_on
    player.play()
    player.beat()
    assert player.total_ms == 10_000 and status_ms(player) == {}
    player.now_ms += player.policy.check_again_ms
    player.pass_check()
    assert status_ms(player) == {Status.FINAL: 10_000}


def test_a_whole_lesson_is_finished_by_who_never_agreed_to_show_a_face() -> None:
    """Of equal standing: every check goes by code, and what it passes is final without anybody looking."""
    player = Player(passed=False, face_consent=False, duration_ms=900_000)
    player.pass_check()
    player.play()
    while not of(player, Completed):
        player.pass_check()
        player.beat()
    player.beat("pause")
    player.pass_check()
    asked, decided = of(player, CheckIssued), of(player, CheckDecided)
    assert [fact.kind for fact in asked] == [CheckKind.START, CheckKind.RANDOM, CheckKind.RANDOM, CheckKind.END]
    assert {fact.way for fact in asked + decided} == {CheckWay.CODE}
    assert not any(fact.review for fact in decided) and status_ms(player) == {Status.FINAL: 900_000}


def decline(player: Player, why: str) -> None:
    check = player.session.person.check
    assert check is not None
    frame = Sheet(check=check.check_id, state="declined", why=why)
    player.add(player.session.sheet(frame, player.now_ms, player.dice()))


def test_who_has_no_way_to_answer_waits_for_a_person_and_goes_on_at_once() -> None:
    player = Player(passed=False)
    player.tick()
    decline(player, "no_camera")
    assert of(player, CheckDecided)[0].detail == "no_camera" and player.session.view().go_on


def test_another_way_is_one_tap_and_what_it_passes_is_final() -> None:
    player = Player(duration_ms=2_000_000)
    to_random_check(player)
    left_ms = player.session.person.check.left_ms(player.now_ms + 9_000)
    player.now_ms += 9_000
    decline(player, "other_way")
    again = of(player, CheckIssued)[-1]
    assert (again.way, again.reissued, again.window_ms) == (CheckWay.CODE, True, left_ms)
    assert not player.session.view().go_on, "the same window"
    player.pass_check()
    assert status_ms(player) == {Status.FINAL: 420_000}


def test_who_cannot_do_the_actions_keeps_the_time_for_a_person_to_see() -> None:
    player = Player(duration_ms=2_000_000)
    to_random_check(player)
    decline(player, "cannot_act")
    assert of(player, CheckIssued)[-1].way is CheckWay.ROUTINE
    player.pass_check()
    decided = of(player, CheckDecided)[-1]
    assert (decided.outcome, decided.detail, decided.review) == (Outcome.UNCLEAR, "cannot_act", True)
    assert status_ms(player) == {Status.WAITING: 420_000} and player.session.view().go_on


def test_a_verdict_for_another_burst_changes_nothing() -> None:
    player = Player(passed=False)
    player.tick()
    before = player.session.snapshot(player.now_ms)
    for check_id, try_number in (("c2", 2), ("other", 1)):
        verdict = Verdict(check_id=check_id, try_number=try_number, outcome=Outcome.PASSED)
        assert player.session.judged(verdict, player.now_ms, player.dice()) == ()
    assert player.session.snapshot(player.now_ms) == before


@pytest.mark.parametrize(
    ("how", "flag"), [({"source": "file"}, "untrusted_capture"), ({"hints": ("virtual_camera",)}, "virtual_camera")]
)
def test_how_pictures_came_is_a_flag_and_changes_nothing_else(how: dict, flag: str) -> None:
    player = Player(passed=False)
    player.tick()
    verdict = Verdict(check_id="c2", try_number=1, outcome=Outcome.PASSED, **how)
    player.add(player.session.judged(verdict, player.now_ms, player.dice()))
    assert [one.flag for one in of(player, Flagged)] == [flag]
    (decided,) = of(player, CheckDecided)
    assert (decided.outcome, decided.review) == (Outcome.PASSED, False) and player.session.view().go_on


# Reconnects.


def reopened(player: Player, away_ms: int, **changes) -> Session:
    snapshot = player.session.snapshot(player.now_ms)
    covered = normalise(span for fact in of(player, Credited) for span in fact.spans)
    covered = normalise(covered + snapshot.open_spans)
    values = dict(covered=covered, provisional=covered, duration_ms=player.session.duration_ms) | changes
    return Session(after(snapshot, away_ms, **values), player.policy, player.now_ms + away_ms, Dice()())


@pytest.mark.parametrize(("away_ms", "earned_ms"), [(5_000, 5_000), (20_000, 20_000), (180_000, 30_000)])
def test_a_resume_earns_the_cut_up_to_the_gap_cap(away_ms, earned_ms) -> None:
    player = Player()
    player.play()
    player.beat()
    snapshot = player.session.snapshot(player.now_ms)
    begun = after(snapshot, away_ms, covered=((0, 10_000),), provisional=((0, 10_000),))
    session = Session(begun, player.policy, player.now_ms + away_ms, Dice()())
    facts = session.resume(((10_000, 10_000 + away_ms),), 100, 10_000 + away_ms, player.now_ms + away_ms, begun)
    assert sum(total(fact.spans) for fact in facts if isinstance(fact, Credited)) == earned_ms
    assert session.credit.slack_ms == 0


def test_the_window_stands_still_once_and_then_runs_on() -> None:
    player = Player(passed=False)
    player.tick()
    player.now_ms += 20_000
    player.add(player.session.leave("disconnected", player.now_ms))
    first = player.session.snapshot(player.now_ms)
    assert first.pending is not None and first.pending.frozen
    again = Session(after(first, 50_000), player.policy, player.now_ms + 50_000, Dice()())
    # `at_redis_ms` of the check is later than that of the welcome beat: away is counted from the freeze.
    assert again.person.check is not None and again.person.check.left_ms(player.now_ms + 50_000) == 40_000
    again.leave("disconnected", player.now_ms + 60_000)
    second = again.snapshot(player.now_ms + 60_000)
    third = Session(after(second, 100_000), player.policy, player.now_ms + 160_000, Dice()())
    assert third.person.check is None or third.person.check.left_ms(player.now_ms + 160_000) == 0


def test_too_long_away_gets_a_new_nonce() -> None:
    player = Player(passed=False)
    player.tick()
    player.add(player.session.leave("disconnected", player.now_ms))
    session = reopened(player, 400_000)
    assert [type(fact) for fact in session.opened()][1] is CheckUndecided
    assert session.tick(player.now_ms + 400_000, Dice()())[0].kind is CheckKind.START


def test_an_end_check_left_open_comes_first_and_is_missed_after_its_window() -> None:
    player = Player(duration_ms=20_000)
    player.play()
    player.beat()
    player.beat()
    player.tick()
    player.add(player.session.leave("left", player.now_ms))
    snapshot = player.session.snapshot(player.now_ms)
    assert snapshot.pending is not None and snapshot.pending.kind is CheckKind.END
    for days, expected in ((1, CheckKind.END), (9, CheckKind.START)):
        now_redis_ms = snapshot.at_redis_ms + days * 86_400_000
        begun = opening(base=snapshot, now_redis_ms=now_redis_ms, fence=2, covered=((0, 20_000),))
        session = Session(begun, player.policy, T0, Dice()())
        facts = session.opened()
        missed = [fact for fact in facts if isinstance(fact, CheckDecided)]
        assert bool(missed) is (expected is CheckKind.START)
        assert session.tick(T0, Dice()())[0].kind is expected


def test_a_takeover_cancels_the_check_and_checks_the_new_device() -> None:
    player = Player(passed=False)
    player.tick()
    snapshot = player.session.snapshot(player.now_ms)
    begun = opening(base=snapshot, taken_over=True, device_id="other", fence=2, now_redis_ms=snapshot.at_redis_ms)
    session = Session(begun, player.policy, T0, Dice()())
    assert [fact.why for fact in session.opened() if isinstance(fact, CheckUndecided)] == ["taken_over"]
    assert session.tick(T0, Dice()())[0].kind is CheckKind.START


def test_three_takeovers_an_hour_are_flagged() -> None:
    base, flagged = None, []
    for number in range(3):
        begun = opening(base=base, taken_over=True, device_id=f"d{number}", fence=number + 1)
        session = Session(begun, Policy(), T0, Dice()())
        flagged += [fact.flag for fact in session.opened() if isinstance(fact, Flagged)]
        base = session.snapshot(T0)
    assert flagged == ["takeovers"]


def test_a_recent_pass_serves_as_the_next_start_check() -> None:
    player = Player()
    snapshot = player.session.snapshot(player.now_ms)
    for later_ms, due in ((60_000, False), (400_000, True)):
        begun = opening(base=snapshot, fence=2, now_redis_ms=snapshot.decided_redis_ms + later_ms)
        assert Session(begun, Policy(), T0, Dice()()).person.is_due(T0) is due


# Instructions, holding, losing.


def test_a_void_leaves_the_coverage_and_may_be_watched_again() -> None:
    player = Player()
    player.play()
    player.beat()
    player.beat()
    void = Instruction(version=1, action="void", lesson_id=2, spans=((5_000, 10_000),), decision_id=4)
    player.add(player.session.instruct(void, player.now_ms))
    assert player.total_ms == 15_000 and of(player, Credited)
    assert player.session.instruct(void, player.now_ms) == (), "a version applies once"
    player.pos = 5_000
    player.beat()
    assert player.total_ms == 20_000


@pytest.mark.parametrize("accepted", [False, True])
def test_withdrawn_consent_turns_the_pending_check_into_one_by_code_in_its_window(accepted: bool) -> None:
    """Also while its burst is judged: what a worker may still say of those pictures is not heard."""
    player = Player(passed=False)
    player.tick()
    check = player.session.person.check
    deadline_ms = check.deadline_ms
    if accepted:
        player.session.accepted(check.check_id, 1, player.now_ms)
    player.add(player.session.instruct(Instruction(version=1, action="consent_withdrawn"), player.now_ms))
    assert player.session.person.check is check and (check.way, check.try_number) == (CheckWay.CODE, 2)
    assert check.deadline_ms == deadline_ms and of(player, CheckIssued)[-1].way is CheckWay.CODE
    stale = Verdict(check_id=check.check_id, try_number=1, outcome=Outcome.MISMATCH)
    assert player.session.judged(stale, player.now_ms, player.dice()) == ()
    player.pass_check()
    assert of(player, CheckDecided)[-1].outcome is Outcome.PASSED


def test_consent_withdrawn_while_the_line_was_down_is_known_at_the_next_welcome() -> None:
    player = Player(passed=False)
    player.tick()
    session = Session(
        after(player.session.snapshot(player.now_ms), 5_000, face_consent=False), player.policy, T0 + 5_000, Dice()()
    )
    assert [fact.way for fact in session.opened() if isinstance(fact, CheckIssued)] == [CheckWay.CODE]
    assert session.person.check is not None and session.person.check.left_ms(T0 + 5_000) == 60_000


def test_a_hold_closes_what_was_earned_and_earns_nothing() -> None:
    player = Player()
    player.play()
    player.beat()
    player.add(player.session.hold("journal_full", player.now_ms))
    player.beat()
    assert player.total_ms == 10_000 and player.session.view().why == Reason.HOLD
    player.add(player.session.release("journal_full", player.now_ms))
    player.play()
    player.pos = 10_000
    player.beat()
    assert player.total_ms == 20_000


def test_a_session_that_lost_its_lease_says_nothing_ever_again() -> None:
    player = Player()
    player.play()
    player.session.lose()
    session, now, dice = player.session, player.now_ms, player.dice
    assert player.beat() == () and session.tick(now, dice()) == () and session.leave("left", now) == ()
    assert session.hold("x", now) == () and session.new_day("2027-01-01", 10**13, now) == ()
    assert session.instruct(Instruction(version=9, action="blocked"), now) == ()


def test_leaving_closes_everything_once() -> None:
    player = Player()
    player.play()
    player.beat()
    player.add(player.session.leave("left", player.now_ms))
    assert isinstance(player.facts[-1], Closed) and total(of(player, Credited)[-1].spans) == 10_000


# Laws.

kinds = st.sampled_from(["beat", "beat", "beat", "play", "pause", "seek", "hide", "end", "show"])
acts = st.lists(
    st.one_of(
        st.tuples(
            st.just("beat"), kinds, st.integers(0, 40_000), st.integers(0, 40_000), st.integers(0, 200_000),
            st.booleans(), st.sampled_from([-1, 0, 200]),
        ),
        st.tuples(
            st.just("check"), st.sampled_from(["passed", "unclear", "mismatch", "our_fault"]), st.booleans()
        ),
        st.tuples(st.just("decline"), st.sampled_from(["other_way", "cannot_act", "denied"])),
        st.tuples(st.just("withdraw")),
        st.tuples(st.just("expire")),
        st.tuples(st.just("void"), st.integers(0, 100_000), st.integers(1, 50_000)),
        st.tuples(st.just("day")),
        st.tuples(st.just("hold")),
    ),
    max_size=40,
)  # fmt: skip


def run(player: Player, script) -> tuple[int, list]:
    """Carry a random script out; returns the sum of elapsed and each total that the player was told."""
    elapsed_ms, days, version = 0, 24, 0
    idle_ms = 0  # passed since the newest beat, besides what the next one waits
    for act in script:
        if act[0] == "beat":
            _name, kind, wait_ms, played_ms, place_ms, seen, frames = act
            elapsed_ms += max(0, min(idle_ms + wait_ms, 30_000)) if player.session.credit.playing else 0
            idle_ms = 0
            player.pos = place_ms if kind == "seek" else player.pos
            player.beat(kind, wait_ms, played_ms, visible=seen, frames=frames)
        elif act[0] == "check":
            player.pass_check(Outcome(act[1]), active_next=act[2])
        elif act[0] == "decline":
            if player.session.person.check is not None:
                decline(player, act[1])
        elif act[0] == "withdraw":
            version += 1
            withdrawn = Instruction(version=version, action="consent_withdrawn")
            player.add(player.session.instruct(withdrawn, player.now_ms))
        elif act[0] == "expire":
            player.now_ms += 61_000
            idle_ms += 61_000
            wanted = player.session.wants_verdict(player.now_ms)
            if wanted:
                player.add(player.session.expired(wanted[0], player.now_ms, player.dice()))
        elif act[0] == "void":
            version += 1
            spans = ((act[1], act[1] + act[2]),)
            player.add(player.session.leave("x", player.now_ms)[:-1])
            player.facts.append(
                Decided(lesson_id=2, at_ms=player.now_ms, cause="d", action="void", spans=spans, decision_id=version)
            )
            void = Instruction(version=version, action="void", lesson_id=2, spans=spans)
            player.add(player.session.instruct(void, player.now_ms))
        elif act[0] == "day":
            days += 1
            player.add(player.session.new_day(f"2026-11-{days}", 10**12 + days, player.now_ms))
        elif act[0] == "hold":
            player.add(player.session.hold("x", player.now_ms) or player.session.release("x", player.now_ms))
        player.session.stored(player.session.stretch.number - 1, player.session.seq)
    return elapsed_ms, []


@settings(max_examples=150, deadline=None)
@given(acts)
def test_laws_of_any_session(script) -> None:
    """Σ credit ≤ Σ elapsed, nothing earned twice while covered, replay gives the state, snapshots stay small."""
    player = Player(passed=False, duration_ms=250_000)
    elapsed_ms, _ = run(player, script)
    player.add(player.session.leave("left", player.now_ms))
    granted_ms = sum(total(fact.spans) for fact in of(player, Credited))
    assert granted_ms <= elapsed_ms
    rows = ledger(player.facts)
    counted = [row for row in rows if row.status in ("provisional", "waiting", "final")]
    covered = normalise((row.from_ms, row.to_ms) for row in counted)
    assert total(covered) == sum(row.to_ms - row.from_ms for row in counted), "nothing is covered twice"
    assert covered == player.session.credit.covered, "replaying the facts gives the coverage"
    provisional = normalise((row.from_ms, row.to_ms) for row in rows if row.status == "provisional")
    assert provisional == player.session.provisional
    assert ledger(coalesce(player.facts)) == rows
    assert len(encode_snapshot(player.session.snapshot(player.now_ms))) <= 600
    numbers = [fact.stretch for fact in of(player, Credited)]
    assert numbers == sorted(set(numbers)), "stretch numbers grow and never repeat"


def test_the_view_is_no_oracle() -> None:
    """Fields of a view are public totals and plain causes; no score, no flag, no schedule."""
    names = set(msgspec.structs.asdict(Player().session.view()))
    assert names == {
        "total_ms", "final_ms", "day_ms", "counting", "why", "complete", "short_ms", "nonce", "go_on",
    }  # fmt: skip


def test_totals_of_earlier_seats_are_carried() -> None:
    player = Player(covered=((0, 50_000),), totals=Totals(final_ms=30_000, provisional_ms=20_000))
    assert player.total_ms == 50_000 and player.session.final_ms == 30_000


def test_playing_on_after_a_reconnect_is_no_seek() -> None:
    """A real player was refused everything after a cut: its claim began where the resume frame had ended."""
    player = Player()
    player.beat("play", wait_ms=0)
    player.beat(wait_ms=9_000)
    snapshot = player.session.snapshot(player.now_ms)
    assert player.session.total_ms == 9_000
    covered = ((0, 9_000),)
    opening_ = after(snapshot, 5_000, covered=covered, provisional=covered)
    session = Session(opening_, player.policy, player.now_ms + 5_000, Dice()())
    session.resume(((9_000, 14_000),), 125, 14_000, player.now_ms + 5_000, opening_)
    now_ms = player.now_ms + 5_000
    view = session.view()
    session.beat(Beat(seq=1, kind="play", pos=14_000, playing=True, nonce=view.nonce), now_ms)
    claim = Beat(
        seq=2, kind="beat", pos=24_000, span=(14_000, 24_000), playing=True, frames=250, ack=1,
        nonce=session.view().nonce,
    )  # fmt: skip
    session.beat(claim, now_ms + 10_000)
    assert session.view().counting and session.total_ms == 24_000


def test_the_end_check_waits_for_the_very_end() -> None:
    """It used to come two seconds early, when the lesson counts as complete: the tail was never settled."""
    player = Player(duration_ms=20_000)
    player.beat("play", wait_ms=0)
    player.beat()
    player.beat(wait_ms=9_000)
    assert player.session.view().complete
    assert player.add(player.session.tick(player.now_ms, player.dice())) == ()
    player.beat("end", wait_ms=1_000)
    player.add(player.session.tick(player.now_ms, player.dice()))
    check = player.session.person.check
    assert check is not None and check.kind == "end" and player.session.total_ms == 20_000
