"""What one certification runs: numbers from the command line, and what follows from them."""

from __future__ import annotations

import msgspec

FULL = 100_000  # learners online that the notice asks for
SCENARIOS = tuple(f"S{number}" for number in range(1, 16))
FACES = ("S11", "S15")  # what needs pictures of faces, and takes long: by name only
LONG = ("S12",)  # half an hour or more: by name only
CLUSTERED = ("S13", "S14")  # what needs a cluster that the bench may hurt
ROOT = ("S14",)  # what needs hosts that only root can make
QUICK = ("S1", "S2", "S3", "S4", "S5")
DIALS_PER_S = 2_000  # of the whole crowd: 100,000 within 50 s, so that 60 s has room for the last ones
RAMP_MOST_S = 420.0  # then whoever is still missing is a failure of its own
FINISHES_PER_S = 2_500  # closing beats at the end: each makes facts, which an ordinary hour spreads out
NEVER_MS = 86_400_000


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one run. Times in seconds."""

    online: int
    concurrent: int
    hold_s: float
    beat_s: float
    gateways: int
    loads: int
    scenarios: tuple[str, ...]
    redis_url: str = ""
    database_url: str = ""
    cluster: bool = False  # a Valkey Cluster and a PostgreSQL are started for the run
    workers: int = 2  # face workers of S11 and S15
    faces_online: int = 20_000  # learners of S11
    faces_ramp_s: float = 1_200.0
    due: int = 5_000  # learners of S15 whose check falls due at once
    faces_data: str = ""  # folder of labelled pictures; empty: those that packages bring

    @property
    def beats_per_s(self) -> float:
        return self.online / self.beat_s

    @property
    def at_once(self) -> int:
        """Operations of one rendezvous of S9 and S10: those who do them are not among the half that is online."""
        return min(self.concurrent, self.online // 2)

    @property
    def stages(self) -> tuple[int, ...]:
        """Sizes below the full one at which the cost of a learner is measured, too."""
        return (self.online // 4, self.online // 2)

    @property
    def stage_hold_s(self) -> float:
        """Two periods each, and no less than the clock of /proc can tell."""
        return max(2 * self.beat_s, 2.0)

    @property
    def refusal(self) -> str:
        """Why this cannot be run, in a sentence; empty when it can."""
        if "S7" in self.scenarios and (self.redis_url or self.cluster):
            others = ",".join(name for name in self.scenarios if name != "S7") or "others"
            return f"S7 kills the store that the bench itself started, not a given one: ask for --scenarios {others}"
        return ""

    def policy(self) -> dict:
        """Face checks are off: S11 and S15 are about them, and no learner of the others has a camera."""
        beat_ms = round(self.beat_s * 1_000)
        return {
            "beat_ms": beat_ms, "slack_ms_max": beat_ms, "check_at_start": False, "check_at_end": False,
            "check_every_ms_min": NEVER_MS, "check_every_ms_max": NEVER_MS,
        }  # fmt: skip


    def faces_policy(self) -> dict:
        """The default rules, at this rhythm of beats."""
        beat_ms = round(self.beat_s * 1_000)
        return {"beat_ms": beat_ms, "slack_ms_max": beat_ms}


def scenarios_of(text: str, quick: bool, cluster: bool = False, root: bool = False) -> tuple[str, ...]:
    """The wanted scenarios in their order. Raises ValueError with a sentence."""
    wanted = [name.strip().upper() for name in text.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in SCENARIOS]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: the scenarios are {', '.join(SCENARIOS)}")
    if not cluster and (wrong := [name for name in wanted if name in CLUSTERED]):
        raise ValueError(f"{', '.join(wrong)}: only with --cluster")
    if not root and (wrong := [name for name in wanted if name in ROOT]):
        raise ValueError(f"{', '.join(wrong)}: simulated hosts are network namespaces, and only root makes them")
    usual = QUICK if quick or cluster else tuple(name for name in SCENARIOS if name not in CLUSTERED + FACES + LONG)
    found = wanted or (*usual, *(name for name in CLUSTERED if cluster and (root or name not in ROOT)))
    return tuple(name for name in SCENARIOS if name in found)


def shares(count: int, parts: int) -> list[range]:
    """`count` learners dealt to `parts` load processes, as evenly as it goes."""
    edges = [count * part // parts for part in range(parts + 1)]
    return [range(low, high) for low, high in zip(edges, edges[1:], strict=False)]
