"""Seeds in processes of their own, many at once; what each reached, and the tail of the one that failed."""

from __future__ import annotations

import gc
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.sim import mutations
from tests.sim.auditor import Violation
from tests.sim.world import World

CHUNK = 10
TAIL = 60


@dataclass
class Result:
    """One seed. `law` is "" when nothing was violated."""

    seed: int
    law: str = ""
    detail: str = ""
    digest: str = ""
    virtual_ms: int = 0
    steps: int = 0
    tail: list[str] = field(default_factory=list)
    marks: Counter[str] = field(default_factory=Counter)


def run_seed(seed: int, mutate: str = "") -> Result:
    """One world, from its seed alone."""
    warnings.filterwarnings("ignore", message="coroutine .* was never awaited")  # work of a page that went away
    with mutations.applied(mutate):
        world = World(seed)
        result = Result(seed)
        try:
            world.run()
        except Violation as violated:
            result.law, result.detail = violated.law, violated.detail
            result.tail = world.tail_text(TAIL)
        result.digest, result.virtual_ms, result.steps = world.digest(), world.loop.now_ms, world.loop.steps
        result.marks = world.marks
    return result


def _chunk(seeds: list[int], mutate: str, until_found: bool) -> list[Result]:
    found = []
    for seed in seeds:
        found.append(run_seed(seed, mutate))
        if until_found and found[-1].law:
            break
    return found


def run_seeds(
    seeds: Iterable[int], *, mutate: str = "", until_found: bool = False, workers: int = 0,
    told: Callable[[Result], None] = lambda _result: None,
) -> list[Result]:  # fmt: skip
    """All results, in the order of the seeds. `until_found`: stop soon after the first violation."""
    wanted = list(seeds)
    chunks = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    results: list[Result] = []
    with ProcessPoolExecutor(
        workers or os.cpu_count(), mp_context=get_context("spawn"), initializer=gc.freeze
    ) as pool:
        futures = [pool.submit(_chunk, chunk, mutate, until_found) for chunk in chunks]
        for future in futures:
            for result in future.result():
                results.append(result)
                told(result)
            if until_found and any(result.law for result in results):
                pool.shutdown(wait=True, cancel_futures=True)
                break
    return results


def marks_of(results: Iterable[Result]) -> Counter[str]:
    total: Counter[str] = Counter()
    for result in results:
        total.update(result.marks)
    return total


def first_found(results: Iterable[Result]) -> Iterator[Result]:
    return (result for result in results if result.law)
