"""Structured logs of every process: one JSON object a line on stderr, without personal data.

What may be logged: ids of checks and cases, codes, counts, ports. Never names, logins, numbers, addresses.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up(process: str, level: str = "info") -> None:
    """Call once at a process' start. Raises ValueError for an unknown level."""
    if level not in LEVELS:
        raise ValueError(f"setting log_level: {level!r} is none of {', '.join(LEVELS)}")
    logging.basicConfig(format="%(message)s", stream=sys.stderr, level=LEVELS[level], force=True)
    # Libraries speak only when something is wrong: their lines may carry addresses.
    for name in ("picows", "aiohttp", "asyncio", "sqlalchemy", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING if name != "picows" else logging.ERROR)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without the values of local variables: those are passwords, names and pictures.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
