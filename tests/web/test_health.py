"""Liveness, readiness with its reasons, and metrics that are for this machine alone."""

from __future__ import annotations

from tests.web.conftest import Site
from web.health import summed


async def test_readiness_names_what_is_missing(site: Site) -> None:
    person = await site.person()
    async with person.http.get("/livez") as answer:
        assert answer.status == 200 and await answer.json() == {"live": True}
    async with person.http.get("/readyz") as answer:
        body = await answer.json()
        assert answer.status == 503 and body == {"ready": False, "problems": ["gateway"], "nodes": {}}


async def test_metrics_are_for_this_machine_and_not_through_a_proxy(site: Site) -> None:
    person = await site.person()
    async with person.http.get("/metrics") as answer:
        found = await answer.text()
        assert answer.status == 200 and "zhenxue_nodes 0" in found
        assert "zhenxue_jobs_waiting " in found and "zhenxue_workers_wanted 1" in found
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        async with person.http.get("/metrics", headers={name: "203.0.113.9"}) as answer:
            assert answer.status == 404


def test_samples_of_several_processes_are_added() -> None:
    one = '# TYPE beats_total counter\nbeats_total{kind="a"} 2\nbeats_created 9\n# TYPE seats gauge\nseats 3\n'
    two = '# TYPE beats_total counter\nbeats_total{kind="a"} 5\nbeats_total{kind="b\\""} 1\n'
    text = summed([one, two, "not metrics at all {"])
    assert 'beats_total{kind="a"} 7.0' in text and 'beats_total{kind="b\\""} 1.0' in text and "seats 3.0" in text
    assert "created" not in text and "# TYPE beats_total counter" in text
    assert summed([]) == ""


def test_a_maximum_over_processes_is_the_largest_and_no_sum() -> None:
    """The largest snapshot of two gateways was shown as 1,090 bytes, beyond the bound that no snapshot passes."""
    name = "zhenxue_snapshot_bytes_max"
    one, two = (f"# TYPE {name} gauge\n{name} {value}\n" for value in ("560.0", "530.0"))
    assert summed([one, two]) == summed([two, one]) == one
