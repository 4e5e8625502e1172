"""Flags point people somewhere: three takeovers an hour between devices are one."""

from __future__ import annotations

from proctor.core.facts import FlagKind, Outcome
from proctor.core.flags import HINTS, HOUR_MS, SCORES, of_capture, takeovers_after
from proctor.core.inputs import Verdict
from proctor.core.policy import Policy

NOW = 10 * HOUR_MS


def test_the_third_takeover_within_an_hour_is_too_many() -> None:
    kept: tuple[int, ...] = ()
    found = []
    for minute in (0, 20, 40):
        kept, many = takeovers_after(kept, True, NOW + minute * 60_000, Policy())
        found.append(many)
    assert found == [False, False, True]


def test_a_takeover_of_an_hour_ago_is_forgotten() -> None:
    assert takeovers_after((NOW - HOUR_MS, NOW - 1), True, NOW, Policy()) == ((NOW - 1, NOW), False)


def test_a_page_swap_on_one_device_counts_nothing() -> None:
    assert takeovers_after((NOW - 2, NOW - 1), False, NOW, Policy()) == ((NOW - 2, NOW - 1), False)


def test_no_more_takeovers_are_kept_than_the_rule_needs() -> None:
    kept, many = takeovers_after(tuple(range(NOW - 9, NOW)), True, NOW, Policy())
    assert len(kept) == 3 and many


def test_how_pictures_came_raises_flags_and_words_nobody_knows_raise_none() -> None:
    def of(**more):
        return of_capture(Verdict(check_id="c", try_number=1, outcome=Outcome.PASSED, **more))

    assert of() == ()
    assert of(source="file") == ((FlagKind.UNTRUSTED_CAPTURE, "file"),)
    assert of(hints=("virtual_camera", "moon")) == ((FlagKind.VIRTUAL_CAMERA, "virtual_camera"),)
    assert set(HINTS.values()) <= set(FlagKind)


def test_every_flag_has_a_score() -> None:
    assert set(SCORES) == set(FlagKind)
