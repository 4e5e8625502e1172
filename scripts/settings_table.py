"""Writes docs/settings.md from the tables of settings and of rules: `python -m scripts.settings_table`."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

from proctor.core.policy import DEFAULT, Policy
from proctor.settings import Settings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
HEAD = """# Settings and rules

Written by `python -m scripts.settings_table` from `proctor/settings.py` and `proctor/core/policy.py`; do not edit.

## Settings of an installation

Read from the environment as `ZHENXUE_<NAME>`, or given as a flag of `./scripts/run`. The unit is the end of the name.

| setting | default | what it is |
| --- | --- | --- |
"""
RULES = """
## Rules about learners (the default pack)

An institution or a class replaces values by a JSON object; the setting `policy` lies below both. A change never
judges old rows anew: each names the version of its rules.

| rule | default | note |
| --- | --- | --- |
"""


def page() -> str:
    rows = [f"| `{item.name}` | {_spelled(item.default)} | {item.metadata['help']} |" for item in fields(Settings)]
    notes = dict(re.findall(r"^    (\w+): .*?  # (.+)$", inspect.getsource(Policy), re.M))
    names = Policy.__struct_fields__
    rules = [f"| `{name}` | {_spelled(getattr(DEFAULT, name))} | {notes.get(name, '')} |" for name in names]
    return HEAD + "\n".join(rows) + "\n" + RULES + "\n".join(rules) + "\n"


def _spelled(value: object) -> str:
    if value == "":
        return "(empty)"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(PAGE)
