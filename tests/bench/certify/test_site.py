"""The site's settings: ports of its own, no face checks, the product's own bounds."""

from __future__ import annotations

import json

from bench.certify.plan import QUICK, Plan
from bench.certify.site import settings_for


def test_settings_of_a_site(tmp_path) -> None:
    plan = Plan(online=2_000, concurrent=9, hold_s=9, beat_s=2, gateways=3, loads=2, scenarios=QUICK)
    made = settings_for(plan, tmp_path)
    assert made.port != made.ws_port and made.gateways == 3 and made.journal_facts_max == 20_000
    policy = json.loads(made.policy)
    assert policy["beat_ms"] == 2_000 and policy["check_at_start"] is False
