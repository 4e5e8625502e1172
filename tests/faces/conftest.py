"""Loading networks takes a second: once per session is enough."""

from __future__ import annotations

import pytest

from proctor.faces import backends
from proctor.faces.backends import Model
from proctor.faces.judge import Judge

ACCEPT, GREY = 0.45, 0.36


@pytest.fixture(scope="session")
def models() -> Model:
    """The default, as an installation gets it: whatever this machine runs fastest."""
    return backends.load()


@pytest.fixture(scope="session")
def judge(models: Model) -> Judge:
    return Judge(models, ACCEPT, GREY)


@pytest.fixture(scope="session")
def fallback() -> Model:
    """The default's networks where OpenVINO has no wheel."""
    return backends.load(engine="opencv")
