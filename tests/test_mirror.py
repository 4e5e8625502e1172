"""Every module at the top of `proctor` is looked at by tests: by one of its name, or by one that is named here."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# What covers a module that has no test of its name; whole rooms go by their own folders of tests.
ELSEWHERE = {
    "proctor/backup.py": "tests/processes/test_operations.py",
    "proctor/cli.py": "tests/processes/test_up.py",
    "proctor/compose.py": "tests/processes/test_study.py",
    "proctor/demo.py": "tests/processes/test_up.py",
    "proctor/errors.py": "tests/test_protocol.py",
    "proctor/ingesting.py": "tests/processes/test_operations.py",
    "proctor/media.py": "tests/processes/test_operations.py",
    "proctor/ports.py": "tests/contract/test_records.py",
    "proctor/rebuild.py": "tests/contract/test_rebuild.py",
    "proctor/running.py": "tests/processes/test_up.py",
}


def test_every_module_at_the_top_has_its_tests() -> None:
    left = []
    for path in sorted((ROOT / "proctor").glob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        own = ROOT / "tests" / f"test_{path.stem}.py"
        if path.stem != "__init__" and not own.exists() and not (ROOT / ELSEWHERE.get(name, "none")).is_file():
            left.append(name)
    assert left == []


def test_the_list_names_nothing_that_is_gone_or_has_a_test_of_its_own_by_now() -> None:
    for name, covered_by in ELSEWHERE.items():
        assert (ROOT / name).exists() and (ROOT / covered_by).exists(), name
        assert not (ROOT / "tests" / f"test_{Path(name).stem}.py").exists(), name
