"""What all commands share: settings, options, and where they print."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from proctor.errors import Sorry
from proctor.settings import Settings, load

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

DatabaseUrl = Annotated[str | None, typer.Option(help="postgresql://user@host/name instead of SQLite.")]
RedisUrl = Annotated[str | None, typer.Option(help="Redis or Valkey instead of the embedded one.")]
Data = Annotated[str | None, typer.Option("--data", metavar="DIR", help="Folder of database, keys, evidence, media.")]


def settings_of(**given: Any) -> Settings:
    try:
        return load(**given)
    except ValueError as error:
        raise Sorry(str(error)) from None
