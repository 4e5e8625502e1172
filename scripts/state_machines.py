"""Writes docs/state-machines.md from the tables in proctor/core: `python -m scripts.state_machines`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from proctor.core import check, coalesce, review
from proctor.core.facts import COVERED, Status

PAGE = Path(__file__).parents[1] / "docs" / "state-machines.md"
HEAD = """# State machines

Drawn by `python -m scripts.state_machines` from the tables in `proctor/core`; do not edit. A pair that is not drawn
is not possible: a check ignores it, a case refuses it.
"""


def diagram(moves: Iterable[tuple[str, str, str]]) -> list[str]:
    """Mermaid lines; several inputs between the same two states share one arrow."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for before, after, label in moves:
        arrows[before, after].append(label)
    lines = [f"    {before} --> {after}: {' · '.join(labels)}" for (before, after), labels in arrows.items()]
    return ["```mermaid", "stateDiagram-v2", *lines, "```"]


def of_check() -> list[tuple[str, str, str]]:
    moves = [("[*]", str(check.State.OPEN), "issued")]
    for (state, given), (after, outcome) in check.TABLE.items():
        moves.append((str(state), str(after), f"{given} = {outcome}" if outcome else str(given)))
    return moves


def of_case() -> list[tuple[str, str, str]]:
    moves = [("[*]", str(review.CaseState.OPEN), "cause")]
    for (state, given), step in review.TABLE.items():
        who = "" if step.who is review.Who.ANYONE else f" by {step.who}"
        moves.append((str(state), str(step.status), f"{given}{who}" + (f" = {step.outcome}" if step.outcome else "")))
    return moves


def of_credit() -> list[tuple[str, str, str]]:
    moves = [("[*]", str(Status.PROVISIONAL), "granted")]
    moves += [(str(Status.PROVISIONAL), str(status), f"check {o}") for o, status in coalesce.SETTLES.items()]
    moves += [(str(before), str(after), action) for (action, before), after in coalesce.DECIDES.items()]
    return moves


def page() -> str:
    covered = ", ".join(COVERED)
    parts = [
        HEAD,
        "## A check of the person (`core/check.py`)\n",
        *diagram(of_check()),
        "\n## A case (`core/review.py`)\n",
        *diagram(of_case()),
        "\n## Granted milliseconds (`core/coalesce.py`)\n",
        f"Covered, and so not paid again: {covered}. The others may be watched again.\n",
        *diagram(of_credit()),
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(PAGE)
