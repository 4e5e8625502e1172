"""Every detail that the code can give of a check or a photo, read from the source: no list of them is kept."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Where details are made. Of a returned pair the first text is one; the second is a cue.
MODULES = (
    "proctor/core/check.py", "proctor/core/person.py", "proctor/core/session.py", "proctor/live/bursts.py",
    "proctor/faces/quality.py", "proctor/faces/match.py", "proctor/faces/liveness.py", "proctor/faces/worker.py",
    "proctor/faces/enrolling.py", "proctor/modules/identity/rules.py", "proctor/modules/codeway/rules.py",
    "proctor/modules/codeway/service.py", "web/api/checks.py", "web/api/codes.py",
)  # fmt: skip
NAMES = ("detail", "problem", "problems")  # of arguments, variables and attributes
# Calls, and which of their arguments is one.
CALLS = {"Look": 0, "_by_code": 0, "declined": 0, "_ours": 1, "verdict": 2, "_word": 3, "_enter": 3}
# Functions that return one.
RETURNS = ("_problem", "_commonest", "_done", "_turned", "_lit", "wanting", "word")
PAGE = "player/src/core/check.js"  # the troubles of a camera, which a page says


def details() -> set[str]:
    trees = [ast.parse((ROOT / name).read_text("utf-8")) for name in MODULES]
    constants = {
        node.targets[0].id: node.value
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    return camera().union(*(_texts(node, constants) for tree in trees for node in _made(tree)))


def camera() -> set[str]:
    line = re.search(r"^const TROUBLES = \[(.*?)\]", (ROOT / PAGE).read_text("utf-8"), re.M)
    assert line
    return set(re.findall(r"'(\w+)'", line.group(1)))


def faults() -> set[str]:
    """Those that are said of faults of ours alone: they decide nothing."""
    source = "".join((ROOT / name).read_text("utf-8") for name in MODULES)
    return set(re.findall(r'(?:_ours\(job|OUR_FAULT), (?:detail=)?"(\w+)"', source))


def _made(tree: ast.Module) -> Iterator[ast.expr]:
    """Expressions whose value is a detail, or a pair that begins with one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword | ast.Assign):
            names = [node.arg] if isinstance(node, ast.keyword) else [_name(target) for target in node.targets]
            if set(names) & set(NAMES):
                yield node.value
        elif isinstance(node, ast.Call) and len(node.args) > CALLS.get(_name(node.func), len(node.args)):
            yield node.args[CALLS[_name(node.func)]]
        elif isinstance(node, ast.FunctionDef) and node.name in RETURNS:
            for one in ast.walk(node):
                if isinstance(one, ast.Return) and one.value is not None:
                    texts = one.value.elts if isinstance(one.value, ast.Tuple) else [one.value]
                    yield from texts[: 2 if node.name == "word" else 1]


def _texts(node: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    """The texts that an expression can give: not what it compares, looks up or calls with."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[a-z_]+", node.value):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in constants:
        yield from _texts(constants[node.id], {})
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, constants)
        yield from _texts(node.orelse, constants)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _texts(value, constants)
    elif isinstance(node, ast.ListComp):
        yield from _texts(node.elt, constants)
    elif isinstance(node, ast.Tuple):
        for value in node.elts:
            yield from _texts(value, constants)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
