"""`scripts/simulate`: run worlds, show progress; on a violation the seed, the law, and the tail of its trace."""

from __future__ import annotations

import argparse
import sys
import time

from tests.sim.mutations import MUTATIONS
from tests.sim.run import Result, marks_of, run_seeds


def say(words: str = "", end: str = "\n") -> None:
    sys.stdout.write(words + end)
    sys.stdout.flush()


def main() -> int:
    given = _arguments()
    seeds = [given.seed] if given.seed is not None else range(given.first, given.first + given.seeds)
    began_s = time.monotonic()
    done: list[Result] = []

    def told(result: Result) -> None:
        done.append(result)
        if len(done) % 50 == 0 or len(done) == len(seeds):
            found = sum(bool(one.law) for one in done)
            rate = len(done) / (time.monotonic() - began_s)
            say(f"\r{len(done)} of {len(seeds)} seeds, {found} violated, {rate:.1f} a second", end="")

    results = run_seeds(seeds, mutate=given.mutate, until_found=bool(given.mutate), workers=given.workers, told=told)
    say()
    violated = [result for result in results if result.law]
    for result in violated[: given.show]:
        say(f"\nseed {result.seed}: {result.law}\n  {result.detail}")
        say("  " + "\n  ".join(result.tail))
    if given.marks:
        for mark, count in sorted(marks_of(results).items()):
            say(f"{mark:32} {count:>12}")
    hours = sum(result.virtual_ms for result in results) / 3_600_000
    steps = sum(result.steps for result in results)
    if len(violated) > given.show:
        say("also violated: " + ", ".join(f"{result.seed} ({result.law})" for result in violated[given.show :]))
    say(f"{len(results)} seeds, {hours:.1f} virtual hours, {steps} steps, {len(violated)} violated")
    if given.mutate:
        return 0 if violated else 1
    return 1 if violated else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, metavar="N", help="how many seeds (default 300)")
    parser.add_argument("--first", type=int, default=1, metavar="S", help="the first of them (default 1)")
    parser.add_argument("--seed", type=int, metavar="S", help="only this one")
    words = f"put this bug into the engine; success is that it is found: {', '.join(MUTATIONS)}"
    parser.add_argument("--mutate", default="", choices=["", *MUTATIONS], metavar="NAME", help=words)
    parser.add_argument("--marks", action="store_true", help="how often each fault, cheat and outcome was reached")
    parser.add_argument("--show", type=int, default=3, metavar="N", help="violations shown in full (default 3)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes (default: one a core)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
