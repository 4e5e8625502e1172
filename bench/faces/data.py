"""The folder of pictures that a run is given: who is on which picture, and the pairs and lists that came with it."""

from __future__ import annotations

import csv
import itertools
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import msgspec

PAIRS, EAST_ASIAN, IMAGES = "pairs.csv", "east-asian-identities.txt", "images"


class Pair(NamedTuple):
    """One of the published protocol. `a`, `b`: places in `Pictures.names`."""

    fold: int
    same: bool
    a: int
    b: int


class Pictures(msgspec.Struct, frozen=True):
    """`people[i]` is the person on picture `names[i]`, as a place in `identities`."""

    folder: Path
    names: list[str]
    people: list[int]
    identities: list[str]
    pairs: list[Pair]
    east_asian: frozenset[int]

    def path(self, at: int) -> Path:
        return self.folder / IMAGES / self.names[at]

    def of(self) -> dict[int, list[int]]:
        """Places of pictures by person."""
        found: dict[int, list[int]] = defaultdict(list)
        for at, person in enumerate(self.people):
            found[person].append(at)
        return found


def read(folder: Path, limit: int = 0) -> Pictures:
    """`limit`: only so many people (0: all), for a quick look. Raises OSError or ValueError where there are none."""
    names = sorted(path.name for path in (folder / IMAGES).glob("*.jpg"))
    if not names:
        raise ValueError(f"no pictures in {folder.name}/{IMAGES}")
    by_person = itertools.groupby(names, key=person_of)
    groups = {person: list(mine) for person, mine in by_person}
    listed = {line.strip() for line in (folder / EAST_ASIAN).read_text("utf-8").splitlines() if line.strip()}
    if limit:
        groups = dict(itertools.islice(groups.items(), limit))
    identities = list(groups)
    kept = [name for mine in groups.values() for name in mine]
    place = {name: at for at, name in enumerate(kept)}
    number = {person: at for at, person in enumerate(identities)}
    with (folder / PAIRS).open(encoding="utf-8", newline="") as file:
        pairs = [
            Pair(int(row["fold"]), row["same"] == "1", place[row["a"]], place[row["b"]])
            for row in csv.DictReader(file)
            if row["a"] in place and row["b"] in place
        ]
    people = [number[person_of(name)] for name in kept]
    return Pictures(folder, kept, people, identities, pairs, frozenset(number[one] for one in listed & number.keys()))


def person_of(name: str) -> str:
    """`Ai_Sugiyama_0003.jpg` shows Ai_Sugiyama."""
    return name.rpartition("_")[0]
