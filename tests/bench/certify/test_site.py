"""The site's settings: ports of its own, no face checks, the product's own bounds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

from bench.certify.plan import QUICK, Plan
from bench.certify.site import Site, runs, settings_for


def test_settings_of_a_site(tmp_path) -> None:
    plan = Plan(online=2_000, concurrent=9, hold_s=9, beat_s=2, gateways=3, loads=2, scenarios=QUICK)
    made = settings_for(plan, tmp_path)
    assert made.port != made.ws_port and made.gateways == 3 and made.journal_facts_max == 20_000
    policy = json.loads(made.policy)
    assert policy["beat_ms"] == 2_000 and policy["check_at_start"] is False


def test_a_process_that_cannot_be_read_is_known_and_one_that_ended_is_no_matter(tmp_path) -> None:
    """Without it the memory of a store that nobody may read was 0, and that met every budget."""
    plan = Plan(online=2_000, concurrent=9, hold_s=9, beat_s=2, gateways=3, loads=2, scenarios=QUICK)
    pids = {"gateway-1": 11, "gateway-2": 12, "valkey": 13}
    site = Site(SimpleNamespace(pids=pids), settings_for(plan, tmp_path), [], 0)

    def read(pid: int) -> int:
        if pid == 12:
            raise ProcessLookupError
        if pid == 13:
            raise PermissionError
        return 7

    assert site._by_kind(read) == {"gateway": 7}
    assert site.unread == {"valkey"}


def test_a_server_of_another_machine_tells_a_number_of_its_own() -> None:
    own = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    assert runs(os.getpid(), own) and not runs(os.getpid(), "valkey", "redis") and not runs(2**30, own)
