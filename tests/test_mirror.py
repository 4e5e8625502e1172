"""Tests mirror the source: every module is looked at by the tests of its name, or by those that are named here."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Nothing in them decides anything: packages, entry points, and schemas that the migrations' test compares.
WITHOUT = ("__init__.py", "__main__.py", "tables.py")

# What covers a module that has no test of its name.
ELSEWHERE = {
    "proctor/adapters/memory.py": "tests/contract/test_checks.py",  # and every other port's suite beside it
    "proctor/adapters/memory_jobs.py": "tests/contract/test_jobs.py",
    "proctor/adapters/memory_records.py": "tests/contract/test_records_twins.py",
    "proctor/adapters/memory_tables.py": "tests/contract/test_records_twins.py",
    "proctor/adapters/redis_checks.py": "tests/contract/test_checks.py",
    "proctor/adapters/redis_inbox.py": "tests/contract/test_inbox.py",
    "proctor/adapters/redis_jobs.py": "tests/contract/test_jobs.py",
    "proctor/adapters/redis_leases.py": "tests/contract/test_leases.py",
    "proctor/adapters/redis_nodes.py": "tests/contract/test_nodes.py",
    "proctor/adapters/authority.py": "tests/contract/test_authority.py",
    "proctor/adapters/memory_messages.py": "tests/contract/test_messages.py",
    "proctor/adapters/messages.py": "tests/contract/test_messages.py",
    "proctor/adapters/signed_http.py": "tests/contract/test_messages.py",
    "proctor/adapters/sql_enrolments.py": "tests/modules/test_identity.py",
    "proctor/adapters/sql_faces.py": "tests/faces/test_worker.py",
    "proctor/adapters/sql_facts.py": "tests/contract/test_records.py",
    "proctor/adapters/sql_opening.py": "tests/contract/test_records.py",
    "proctor/adapters/sql_records.py": "tests/contract/test_records_races.py",
    "proctor/adapters/sql_store.py": "tests/contract/test_rebuild.py",
    "proctor/adapters/sql_traces.py": "tests/contract/test_traces.py",
    "proctor/backup.py": "tests/processes/test_operations.py",
    "proctor/child.py": "tests/processes/test_up.py",
    "proctor/cli.py": "tests/processes/test_up.py",
    "proctor/cli_base.py": "tests/processes/test_up.py",
    "proctor/cli_keys.py": "tests/processes/test_operations.py",
    "proctor/compose.py": "tests/processes/test_study.py",
    "proctor/core/facts.py": "tests/core/test_coalesce.py",
    "proctor/core/inputs.py": "tests/core/test_snapshot.py",
    "proctor/core/seat.py": "tests/core/test_session.py",
    "proctor/demo.py": "tests/processes/test_up.py",
    "proctor/errors.py": "tests/test_protocol.py",
    "proctor/faces/records.py": "tests/faces/test_worker.py",
    "proctor/ingesting.py": "tests/processes/test_operations.py",
    "proctor/media.py": "tests/processes/test_operations.py",
    "proctor/modules/schema.py": "tests/contract/test_migrations.py",
    "proctor/ports/checks.py": "tests/contract/test_checks.py",
    "proctor/ports/identity.py": "tests/contract/test_authority.py",
    "proctor/ports/inbox.py": "tests/contract/test_inbox.py",
    "proctor/ports/messages.py": "tests/contract/test_messages.py",
    "proctor/ports/seats.py": "tests/contract/test_records.py",
    "proctor/ports/stores.py": "tests/contract/test_evidence.py",
    "proctor/ports/time.py": "tests/contract/test_clock.py",
    "proctor/rebuild.py": "tests/contract/test_rebuild.py",
    "proctor/running.py": "tests/processes/test_up.py",
    "web/api/enrolments.py": "tests/web/console/test_enrolments.py",
    "web/console/identity_words.py": "tests/web/console/test_enrolments.py",
    "web/console/timeline.py": "tests/web/console/test_cases.py",
    "web/learner/chart.py": "tests/web/learner/test_strip.py",
    "web/learner/words.py": "tests/web/test_words.py",
    "web/route.py": "tests/web/test_pages.py",
    "web/routes.py": "tests/web/test_pages.py",
    "web/vendor.py": "tests/web/test_files.py",
}


def modules() -> list[Path]:
    found = [*(ROOT / "proctor").rglob("*.py"), *(ROOT / "web").rglob("*.py")]
    return sorted(path for path in found if path.name not in WITHOUT and "migrations" not in path.parts)


def has_its_own(path: Path) -> bool:
    """`proctor/a/b.py`: `tests/a/test_b.py`; `web/a/b.py`: `tests/web/a/test_b.py`.

    A feature of the record half is tested as a whole: `tests/modules/test_accounts.py` or files below that name.
    """
    below = path.relative_to(ROOT / "proctor") if path.is_relative_to(ROOT / "proctor") else path.relative_to(ROOT)
    own = ROOT / "tests" / below.parent / f"test_{path.name}"
    if own.exists():
        return True
    feature = below.parts[1] if len(below.parts) == 3 and below.parts[0] == "modules" else ""
    folder = ROOT / "tests" / "modules"
    return bool(feature) and ((folder / f"test_{feature}.py").exists() or any(folder.glob(f"{feature}/test_*.py")))


def test_every_module_has_its_tests() -> None:
    left = [path.relative_to(ROOT).as_posix() for path in modules() if not has_its_own(path)]
    assert [name for name in left if name not in ELSEWHERE] == []


def test_the_list_names_nothing_that_is_gone_or_has_a_test_of_its_own_by_now() -> None:
    for name, covered_by in ELSEWHERE.items():
        assert (ROOT / name).exists() and (ROOT / covered_by).exists(), name
        assert not has_its_own(ROOT / name), name
