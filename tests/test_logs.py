"""A trace in a log tells where it happened and never whose data it was."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from proctor import logs

SCRIPT = """
import structlog
from proctor import logs
logs.set_up("web", "info")
log = structlog.get_logger("web")
def sign_in(login, password):
    raise KeyError("row")
try:
    sign_in("wang.xiaoming", "zhen-xue-482913")
except KeyError:
    log.exception("request_failed", route="login")
log.debug("not shown")
import logging
logging.getLogger("aiohttp.access").info("127.0.0.1 GET /")
"""


def test_a_failure_is_one_line_with_its_place_and_without_values() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"], said["process"]) == ("request_failed", "error", "web")
    frames = said["exception"][0]["frames"]
    assert frames[-1]["name"] == "sign_in" and said["exception"][0]["exc_type"] == "KeyError"
    assert "wang" not in line and "482913" not in line.replace('sign_in("', "")


def test_a_level_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="loud"):
        logs.set_up("web", "loud")
