"""Loading both networks takes a second: once per session is enough."""

from __future__ import annotations

import pytest

from proctor.faces.judge import Judge
from proctor.faces.models import Models

ACCEPT, GREY = 0.45, 0.36


@pytest.fixture(scope="session")
def models() -> Models:
    return Models.load()


@pytest.fixture(scope="session")
def judge(models: Models) -> Judge:
    return Judge(models, ACCEPT, GREY)
