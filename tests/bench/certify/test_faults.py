"""What the faults are judged by."""

from __future__ import annotations

from bench.certify.faults import journal_facts_max, takeover_rows
from bench.certify.plan import SCENARIOS, Plan
from bench.certify.tally import Tick
from tests.bench.certify.test_judging import missed
from tests.bench.certify.test_truth import TOLD


def told(learner: int, **changes):
    return type(TOLD)(
        **{name: getattr(TOLD, name) for name in TOLD.__struct_fields__} | {"learner": learner} | changes
    )


def test_old_devices_must_all_be_told_and_soon() -> None:
    new = [told(one, dialled_us=5_000_000) for one in range(100)]
    soon = {one: told(one, taken_us=5_600_000) for one in range(100)}
    assert missed(takeover_rows(soon, new, Tick(), 100)) == []
    late = soon | {one: told(one, taken_us=6_200_000) for one in (3, 4)}
    assert missed(takeover_rows(late, new, Tick(), 100)) == ["certify_s8_told_p99_ms"]
    never = soon | {7: told(7)}
    assert missed(takeover_rows(never, new, Tick(), 100)) == ["certify_s8_untold"]
    before = soon | {7: told(7, taken_us=4_000_000)}
    rows = takeover_rows(before, new, Tick(), 100)
    assert missed(rows) == ["certify_s8_untold"], "a word that came before the dial was about another device"


def test_the_bound_of_a_journal_is_the_products_own_where_a_school_can_fill_it() -> None:
    def plan(online: int) -> Plan:
        return Plan(online=online, concurrent=9, hold_s=9, beat_s=10, gateways=8, loads=8, scenarios=SCENARIOS)

    assert [journal_facts_max(plan(online)) for online in (100_000, 10_000, 800)] == [20_000, 2_500, 500]
