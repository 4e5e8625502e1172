"""The straight line of a steady beat and the general way are one rule: any beats give the same state and facts."""

from __future__ import annotations

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from proctor.core.check import Check
from proctor.core.credit import Credit
from proctor.core.dialogue import Dialogue
from proctor.core.inputs import Snapshot
from proctor.core.person import Person
from proctor.core.policy import Policy
from proctor.core.seat import Seat
from proctor.core.session import Session
from proctor.core.snapshot import decode_snapshot, encode_snapshot
from proctor.core.stretch import RefusedRun, Stretch
from proctor.core.wire import Beat
from tests.core.worlds import T0, Dice, Player, opening


class General(Session):
    """Every beat goes the general way."""

    __slots__ = ()

    def _steady(self, beat: Beat, now_ms: int) -> bool:
        return False


def state(one: object) -> object:
    """All that a machine remembers, by slot, with the machines inside it."""
    names = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
    names += getattr(one, "__struct_fields__", ())
    if not names or not isinstance(one, (Seat, Credit, Dialogue, Person, Stretch, RefusedRun, Check)):
        return one
    # Whether a total is known already is no state: only the total is.
    return {name: state(getattr(one, name)) for name in names if name not in ("_counted", "_counted_ms", "policy")}


# Small numbers of everything that bounds: caps, gaps, checks and completion are met within a few beats.
POLICIES = st.builds(
    Policy,
    beats_per_minute_max=st.sampled_from([4, 90]),
    daily_cap_ms=st.sampled_from([60_000, 21_600_000]),
    check_every_ms_min=st.sampled_from([45_000, 420_000]),
    check_at_start=st.just(False),
    stretch_ms_max=st.sampled_from([50_000, 900_000]),
)
USUAL = st.fixed_dictionaries(
    {"wait": st.integers(9_990, 10_010), "played": st.integers(9_980, 10_020), "fields": st.just({})}
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["play", "pause", "seek", "rate", "hide", "show", "end"]),
        "playing": st.booleans(), "visible": st.booleans(), "focused": st.booleans(), "pip": st.booleans(),
        "frames": st.sampled_from([-1, 0, 10]), "signals": st.just(["slow"]), "nonce": st.just("0" * 8),
        "back": st.integers(1, 3), "pos": st.integers(0, 400_000),
        "move": st.sampled_from([-30_000, -1, 1, 1_400, 9_000]),
    },
)  # fmt: skip
ODD = st.fixed_dictionaries({
    "wait": st.sampled_from([-5, 0, 1, 900, 10_000, 29_999, 30_001, 70_000]),
    "played": st.sampled_from([0, 1, 900, 10_000, 19_999, 20_000, 21_000, 40_000]), "fields": FIELDS,
})  # fmt: skip
OTHERS = st.sampled_from(["hold", "release", "stored", "midnight", "tick", "pass"])


class Pair:
    """The same inputs to both; every word of one must be the word of the other."""

    def __init__(self, policy: Policy, duration_ms: int) -> None:
        dice = Dice()
        began = opening(duration_ms=duration_ms, covered=((5_000, 9_000),), day_end_ms=T0 + 10**9)
        self.both = tuple(kind(began, policy, T0, dice()) for kind in (Session, General))
        self.now_ms, self.reach = T0, 0

    def each(self, method: str, *args: object) -> None:
        left, right = (getattr(one, method)(*args) for one in self.both)
        assert left == right
        assert state(self.both[0]) == state(self.both[1])

    def beat(self, wait: int, played: int, fields: dict) -> None:
        self.now_ms += wait
        one = self.both[0]
        said = [each.view().nonce for each in self.both]  # the word is kept: both must have told it
        ack = max(0, one.seq - fields.get("back", 0))
        from_ms = max(0, self.reach + fields.get("move", 0))
        self.reach = from_ms + played
        given = {name: value for name, value in fields.items() if name not in ("back", "move")}
        values = dict(
            seq=one.seq + 1, kind="beat", pos=self.reach, span=(from_ms, self.reach) if played else None, frames=250,
            playing=True, ack=ack, nonce=said[0],
        )  # fmt: skip
        self.each("beat", Beat(**{**values, **given}), self.now_ms)
        self.each("view")
        self.each("encoded", self.now_ms)

    def other(self, what: str) -> None:
        one = self.both[0]
        if what in ("hold", "release"):
            self.each(what, "journal_full", self.now_ms)
        elif what == "stored":
            self.each("stored", one.stretch.number - 1, one.seq)
        elif what == "midnight":
            self.each("new_day", f"2026-12-{self.now_ms // 1_000 % 28 + 1:02}", self.now_ms + 10**9, self.now_ms)
        elif what == "tick":
            self.each("tick", self.now_ms, Dice()())
        elif one.person.check is not None:
            self.each("expired", one.person.check.check_id, one.person.check.deadline_ms, Dice()())


STEPS = st.lists(st.one_of(USUAL, USUAL, USUAL, ODD, OTHERS), max_size=40)


@given(POLICIES, st.sampled_from([90_000, 600_000]), STEPS)
@settings(max_examples=300, deadline=None)
def test_any_beats_give_the_same_state_and_facts_both_ways(policy, duration_ms, steps):
    pair = Pair(policy, duration_ms)
    pair.beat(0, 0, {"kind": "play"})
    for step in steps:
        if isinstance(step, str):
            pair.other(step)
        else:
            pair.beat(**step)


def test_a_steady_beat_goes_the_straight_way_and_one_that_is_not_leaves_nothing_behind():
    player = Player(Policy(check_at_start=False))
    player.play()
    player.beat()
    session, now_ms = player.session, player.now_ms + 10_000
    steady = Beat(
        seq=session.seq + 1, kind="beat", pos=20_000, span=(10_000, 20_000), frames=250, playing=True,
        ack=session.seq, nonce=session.view().nonce,
    )  # fmt: skip
    before = copy.deepcopy(state(session))
    for change in ({"visible": False}, {"span": (10_001, 20_000)}, {"nonce": "0" * 8}, {"kind": "pause"}):
        fields = {name: getattr(steady, name) for name in Beat.__struct_fields__}
        assert not session._steady(Beat(**{**fields, **change}), now_ms)
        assert state(session) == before
    assert session._steady(steady, now_ms) and session.total_ms == 20_000


def test_encoded_fields_are_those_of_the_snapshot_in_its_order():
    player = Player()
    for snapshot in (player.session.snapshot(T0), decode_snapshot(player.session.encoded(T0))):
        assert len(Snapshot.__struct_fields__) == 33 and encode_snapshot(snapshot) == player.session.encoded(T0)
