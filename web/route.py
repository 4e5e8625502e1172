"""One row of the route table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

# anyone: no sign-in. files: no sign-in and no look-up of one. ticket and host: the handler checks a ticket
# or a host key itself. loopback: only from this machine. signed: any role. staff: reviewer, administrator.
Role = Literal["anyone", "files", "ticket", "host", "loopback", "signed", "learner", "staff", "administrator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`page`: answers with a page for people (looked at by axe and as pictures; errors are pages as well).

    `example`: the path with values of the demonstration institution, for tests that walk the table.
    `csrf`: a POST needs the token of the form. `embed`: a host's page may frame it.
    """

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    role: Role
    name: str
    page: bool = False
    example: str = ""
    csrf: bool = True
    embed: bool = False
