"""`python -m bench faces`: how well the judge knows people, bars attacks, spares the honest, and its price."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

from bench import report
from bench.faces import data, degraded, embed, far, scenes, scores, trials
from bench.faces.data import Pictures
from bench.faces.scenes import Person, jpeg
from bench.report import Row
from proctor.core.facts import CheckWay
from proctor.faces import backends
from proctor.faces.judge import Judge
from proctor.faces.models import FaceModel
from proctor.ports import Shot
from proctor.settings import Settings

PICTURES_MIN = 3  # of somebody who is tried: one enrolled, others to capture
CHECKS_PER_S = 152  # random checks of 100,000 online at the default rhythm
ACTIVE_SHARE = 0.2
STILLS, FRAMES = 3, 6  # of a routine and of an active check
SHARE, PER_10000 = "%", "per 10,000"
ENGINES = {"sface": ("sface", "auto"), "sface opencv": ("sface", "opencv"), "dlib": ("dlib", "auto")}


class Found(msgspec.Struct):
    rows: list[Row]
    raw: dict


def run(
    folder: Path, tries: int, limit: int, names: Sequence[str], parts: Sequence[str], step: Callable[[str], None]
) -> Found:
    """`names` of ENGINES, the first one judges; `parts`: accuracy, cost, trials. Raises ValueError, OSError."""
    pictures = data.read(folder, limit)
    found = Found([], {"pictures": len(pictures.names), "people": len(pictures.identities), "data": folder.name})
    settings = Settings()
    for at, name in enumerate(names):
        backend, engine = ENGINES[name]
        models = backends.load(backend, engine)
        if "accuracy" in parts:
            accuracy(found, name, models, pictures, settings, judged=at == 0, step=step)
    backend, engine = ENGINES[names[0]]
    models = backends.load(backend, engine)
    judge = Judge(models, settings.match_accept, settings.match_grey)
    people = scenes.people(models, pictures, PICTURES_MIN, lambda: step("people who can be tried"))
    found.raw["people_tried"] = len(people)
    if "accuracy" in parts:
        bad_day(found, models, people, settings, tries, step)
        far_away(found, models, people, settings, step)
    if "cost" in parts:
        cost(found, judge, people)
    if "trials" in parts:
        stage = trials.Stage(judge, models, people, tries, 7, lambda: step("tries"))
        tried(found, stage)
    return found


def accuracy(
    found: Found, name: str, models: FaceModel, pictures: Pictures, settings: Settings, *, judged: bool,
    step: Callable[[str], None],
) -> None:  # fmt: skip
    """One backend over the folder. Only the judge is held against the budgets; the others stand beside it."""

    def row(measure: str, rate: scores.Rate | float, unit: str, budget: str = "") -> None:
        value = rate.value if isinstance(rate, scores.Rate) else rate
        scale = {SHARE: 100, PER_10000: 10_000}.get(unit, 1)
        found.rows.append(report.row(name, measure, value * scale, unit, budget if judged else ""))
        raw[measure] = rate

    raw: dict = found.raw.setdefault("accuracy", {}).setdefault(name, {})
    vectors, missed = embed.vectors(models, pictures, name, lambda: step(f"{name}: pictures"))
    row("pictures without a face", float(missed), "")
    table = scores.all_against_all(vectors, pictures.people)
    raw["genuine"], raw["impostor"] = len(table.genuine), len(table.impostor)
    for rate, budget in ((1e-3, "faces_tar_1e3_min"), (1e-4, "faces_tar_1e4_min")):
        row(f"TAR at FMR {rate:g}", scores.by_person(table, scores.threshold_at(table.impostor, rate)), SHARE, budget)
    fold, same, first, second = (np.array(column) for column in zip(*pictures.pairs, strict=True))
    paired = (vectors[first] * vectors[second]).sum(axis=1)
    right, limit = scores.folds(paired, same.astype(bool), fold)
    row("pairs of the protocol told right", right, SHARE, "faces_protocol_min")
    row("threshold of the folds", limit, "")
    accept = models.own.accept if models.own else settings.match_accept
    east_asian(row, vectors, pictures, accept)
    refused, taken = scores.means_of_three(vectors, pictures.of(), accept)
    row("mean of three: FNMR", refused, SHARE, "faces_three_fnmr")
    row("mean of three: FMR", taken, PER_10000, "faces_three_fmr")
    raw["det"] = scores.det(table.genuine, table.impostor)
    raw["equal error"] = scores.equal_error(table.genuine, table.impostor)


def east_asian(row: Callable, vectors: np.ndarray, pictures: Pictures, accept: float) -> None:
    """Each pair of people weighs the same: a few of the labels are wrong."""
    places = [at for at, person in enumerate(pictures.people) if person in pictures.east_asian]
    table = scores.all_against_all(vectors[places], [pictures.people[at] for at in places])
    weights = scores.pair_weights(table.impostor_of)
    row(
        "East Asian: FMR at acceptance", scores.weighted(table.impostor, weights, accept, table.impostor_of),
        PER_10000, "faces_east_asian_fmr",
    )  # fmt: skip
    limit = scores.threshold_at(table.impostor, 1e-3, weights)
    ones = np.ones(len(table.genuine))
    row(
        "East Asian: TAR at FMR 0.001", scores.weighted(table.genuine, ones, limit, table.genuine_of), SHARE,
        "faces_east_asian_tar_min",
    )  # fmt: skip


def bad_day(
    found: Found, models: FaceModel, people: list[Person], settings: Settings, tries: int, step: Callable[[str], None]
) -> None:
    count = max(tries, 4 * tries)
    dice = np.random.default_rng(11)
    grey, accept = settings.match_grey, settings.match_accept
    seen = degraded.measure(models, people, accept, grey, count, dice, lambda: step("degraded"))
    found.raw["degraded"] = seen
    for measure, hits, budget in (
        ("mismatch said of the right person, one frame", seen.mismatches, "faces_degraded_mismatch"),
        ("unverifiable, one frame", seen.unverifiable, "faces_degraded_unverifiable"),
    ):
        found.rows.append(report.row("degraded", measure, 100 * hits / max(seen.frames, 1), SHARE, budget))
    share = 100 * seen.checks_mismatch / max(seen.checks, 1)
    budget = "faces_degraded_retried"
    found.rows.append(report.row("degraded", "mismatch after at most two retries", share, SHARE, budget))
    found.rows.append(
        report.row("degraded", "passed within three", 100 * seen.checks_passed / max(seen.checks, 1), SHARE)
    )


def far_away(
    found: Found, models: FaceModel, people: list[Person], settings: Settings, step: Callable[[str], None]
) -> None:
    seen = far.measure(models, people, settings.match_accept, lambda: step("far away"))
    found.raw["far"] = seen
    others, own = 10_000 * seen.impostors.value, 100 * seen.genuine.value
    where = f"{seen.eyes_px:g} px between the eyes"
    found.rows += [
        report.row("far away", f"others accepted, {where}", others, PER_10000, "faces_far_fmr"),
        report.row("far away", f"accepted, {where}", own, SHARE),
    ]


def cost(found: Found, judge: Judge, people: list[Person]) -> None:
    """CPU of one core from JPEG to verdict, over the people in turn; frames of 640 x 480, as players send them."""
    dice = np.random.default_rng(5)
    some = people[:20]
    frames = [[jpeg(scenes.noisy(_wide(one.pictures[at % 2]), 3.0, dice)) for at in range(FRAMES)] for one in some]
    templates = [judge.template_of(burst[0]) for burst in frames]

    def timed(count: int, way: CheckWay) -> float:
        given: dict = {}
        if way is CheckWay.ACTIVE:
            shots = tuple(Shot(600 * at, (-1, 0, -1, 1, -1, -1)[at]) for at in range(count))
            given = {"way": way, "actions": ("left", "right"), "shots": shots}
        for burst, template in zip(frames[:3], templates, strict=False):  # warm
            judge.judge(burst[:count], template, "camera", **given)
        began = time.process_time()
        for burst, template in zip(frames, templates, strict=True):
            judge.judge(burst[:count], template, "camera", **given)
        return (time.process_time() - began) / len(frames)

    still = timed(STILLS, CheckWay.ROUTINE) / STILLS
    active = timed(FRAMES, CheckWay.ACTIVE)
    precision = judge.precision
    one = CHECKS_PER_S * ((1 - ACTIVE_SHARE) * still + ACTIVE_SHARE * active)
    three = CHECKS_PER_S * ((1 - ACTIVE_SHARE) * STILLS * still + ACTIVE_SHARE * active)
    limit = "faces_still_bf16_ms" if precision == "bf16" else "faces_still_f32_ms"
    found.rows += [
        report.row("cost", f"CPU per still, {precision}", still * 1_000, "ms", limit),
        report.row("cost", f"CPU per active check of {FRAMES} frames", active * 1_000, "ms", "faces_active_ms"),
        report.row("cost", "100,000 online, one still a routine check", one, "cores", "faces_cores"),
        report.row("cost", f"100,000 online, {STILLS} stills a routine check", three, "cores"),
    ]


def _wide(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (640, 480), interpolation=cv2.INTER_CUBIC)


def tried(found: Found, stage: trials.Stage) -> None:
    """The table of attacks and of honest tries."""
    attacks = [*trials.active_attacks(stage), *trials.routine_attacks(stage)]
    honest = [*trials.conditions(stage), *trials.talking_man(stage)]
    found.raw["attacks"], found.raw["genuine"] = attacks, honest
    for one in attacks:
        film = one.name in trials.attacks.FILMS
        budget = "faces_film_share" if film else "faces_attacks_accepted"
        value = 100 * one.accepted / max(one.tries, 1) if film else one.accepted
        unit = SHARE if film else f"of {one.tries}"
        found.rows.append(report.row(one.way, f"accepted: {one.name}", value, unit, budget))
    for one in honest:
        share = 100 * one.accepted / max(one.tries, 1)
        found.rows.append(report.row("honest", f"accepted: {one.name} ({one.way})", share, SHARE, "faces_honest_min"))
