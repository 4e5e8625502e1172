"""Sittings that the judge takes at once: a person of a package, in as many as a learner needs."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from bench.certify import posing
from bench.certify.posing import Sensor, person, plans_of, seated
from proctor.core import actions
from proctor.faces import backends
from proctor.faces.judge import Judge
from tests import pictures


def test_every_sequence_of_movements_has_its_timing() -> None:
    plans = plans_of(np.random.default_rng(1))
    assert {" ".join(actions.draw(roll)) for roll in range(64)} == set(plans)
    for asked, some in plans.items():
        for plan in some:
            assert len(plan) <= 8 and [at_ms for at_ms, _number in plan] == sorted(at_ms for at_ms, _number in plan)
            assert {number for _at_ms, number in plan} == {-1, *range(len(asked.split()))}


@pytest.mark.timeout(120)
def test_a_person_sits_down_several_times_and_no_capture_is_one_of_before() -> None:
    models = backends.load()
    dice = np.random.default_rng(4)
    found = person(
        Judge(models, 0.45, 0.36), models, [pictures.moving_man()[at] for at in (0, 36)], plans_of(dice),
        Sensor(dice),
    )  # fmt: skip
    assert found is not None and len(found.template) == 512 and len(found.takes) >= posing.TAKES_MIN
    frames = list(chain.from_iterable(chain(one.straight, one.left, one.right, one.closer) for one in found.takes))
    assert len(set(frames)) == len(frames) and all(one.startswith(b"\xff\xd8\xff") for one in frames)


def test_nobody_sits_in_an_empty_room() -> None:
    assert seated(backends.load(), pictures.empty_room()[0]) is None
