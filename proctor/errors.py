"""The exception tree and the close codes: one file, so that one look shows what may go wrong.

ZhenxueError
├── Refused(code)        a request is refused; the code may be shown and has words in the UI
├── Sorry                a command cannot go on: one sentence for people
├── Unavailable(port)    something outside does not answer; try again later, nothing was half-done
└── Misuse               our own caller broke an obligation: a bug, never caused by a learner

A learner's misbehaviour is never an exception in `core`: it is a fact. Corruption is an assertion.
"""

from __future__ import annotations


class ZhenxueError(Exception):
    """Base of all exceptions that this product raises on purpose."""


class Refused(ZhenxueError):
    """A request that will not be carried out.

    `code` is a stable lower_snake_case key (never translated); `detail` holds values that the words need.
    """

    def __init__(self, code: str, **detail: object) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class Unavailable(ZhenxueError):
    """A port (Redis, SQL, evidence, models) does not answer now; nothing was half-done."""

    def __init__(self, port: str, reason: str = "") -> None:
        super().__init__(f"{port} is unavailable{': ' + reason if reason else ''}")
        self.port = port


class Sorry(ZhenxueError):
    """A command cannot go on; its text is one sentence for the person who typed it."""


class Misuse(ZhenxueError):
    """Our own code broke an obligation of the function it called."""


def sentence_of(error: Exception) -> str:
    """What a person at a terminal, or a log's last line, is told of a failure that is no bug of ours; or nothing."""
    if isinstance(error, Sorry):
        return str(error)
    if isinstance(error, Unavailable):
        return f"{error}; is it running, and is its address right?"
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    return ""


# Close codes of the learner's socket. The range tells a client what to do without knowing the code:
# 4000-4399 reconnect with back-off, 4400-4499 only after the user acts, 4500-4999 final.
CLOSE_DRAIN = 4000  # this gateway is going down in order; dial again (any other gateway)
CLOSE_SLOW_READER = 4001  # the send buffer passed its limit
CLOSE_BUSY = 4002  # too many connections or opens at this moment
CLOSE_UNAVAILABLE = 4003  # Redis or SQL did not answer while the seat was opened
CLOSE_NO_HELLO = 4004  # no start or resume frame within hello_ms
CLOSE_REPLACED = 4005  # the same page dialled anew: this older socket of it is over
CLOSE_TICKET = 4006  # the start ticket is expired or used: fetch a new one, dial again
CLOSE_TAKEN_OVER = 4400  # another device or page studies now
CLOSE_FIRST_KEEPS = 4401  # another device studies and the policy lets the first one keep the lease
CLOSE_LOGIN_ENDED = 4402  # the login session ended (signed out, password changed, expired)
CLOSE_CHECK_STOPPED = 4403  # two mismatches running stopped this lesson
CLOSE_PROTOCOL = 4500  # a frame that this protocol does not know, too large, or too many of them
CLOSE_ORIGIN = 4501  # the page's origin is not allowed
CLOSE_VERSION = 4502  # this protocol version is not spoken here: reload the page
CLOSE_NOT_ALLOWED = 4503  # the learner may not study this lesson (roster, lesson gone, account blocked)
