"""The web application: middlewares, routes, shared state. Opens nothing: whoever calls hands the ports in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from proctor.modules.accounts.service import Accounts
from web import context, files
from web.errors import guard
from web.limits import RateLimit
from web.render import Renderer
from web.routes import TABLE
from web.security import FORM_BYTES_MAX, ROUTES, add_headers, identify
from web.vendor import Vendor

if TYPE_CHECKING:
    from proctor.compose import WebDeps


def make_app(deps: WebDeps) -> web.Application:
    """One web process around wired ports. The caller closes `deps` after the application is gone."""
    settings = deps.settings
    app = web.Application(middlewares=[guard, identify], client_max_size=FORM_BYTES_MAX)
    accounts = Accounts(
        deps.db, deps.vault, login_hours=settings.login_hours, login_tries=settings.login_tries,
        login_lock_ms=settings.login_lock_ms,
    )  # fmt: skip
    app[context.SITE] = context.Site(
        deps=deps,
        accounts=accounts,
        renderer=Renderer(),
        vendor=Vendor(files.ROOT),
        # Ten tries at once per account and address, then one every six seconds; SQL locks the account itself.
        login_limit=RateLimit(burst=10, every_s=6.0),
        ready=[True],
    )
    app[files.PACKED] = {}
    app[files.FOLDERS] = {}
    app[ROUTES] = {}
    for route in TABLE:
        # HEAD comes with GET (add_get would do the same); the table names each pair once.
        resource = app.router.add_resource(route.path)
        resource.add_route(route.method, route.handler)
        if route.method == "GET":
            resource.add_route("HEAD", route.handler)
        app[ROUTES][(route.method, resource.canonical)] = route
    app.on_response_prepare.append(add_headers)
    return app
