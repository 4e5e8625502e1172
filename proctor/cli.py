"""`proctor …`: what operators type. Every failure is one sentence and a non-zero exit."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.table import Table

from proctor import child, cli_keys, logs
from proctor.cli_base import Data, DatabaseUrl, RedisUrl, console, errors, settings_of
from proctor.errors import Refused, Sorry, Unavailable, sentence_of
from proctor.forkserver import open_fork_server
from proctor.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, help="真学 Zhenxue: genuine study, second by second.",
                  pretty_exceptions_enable=False)  # fmt: skip
app.add_typer(cli_keys.app, name="keys")

WORDS = {
    "backup_exists": "{path} exists already; choose another name",
    "backup_failed": "the database could not be dumped or brought back: {reason}",
    "backup_nothing": "{path} holds nothing to back up; name the data folder with --data",
    "restore_not_empty": "{path} is in use; restore into an empty folder with --data",
    "restore_damaged": "the backup is damaged or incomplete: {reason}",
    "restore_no_keys": "the key file {path} is missing; name it with --keys",
    "media_unreadable": "this file cannot be read as a video",
    "media_no_picture": "this file has no picture",
    "media_too_long": "this video is longer than six hours",
    "no_sm4": "SM4 is not offered by the OpenSSL of this machine",
    "no_such_key": "there is no master key of version {version}",
    "key_in_use": "version {version} is the one in use",
    "key_needed": "{count} fields are still sealed with version {version}: run `proctor keys rotate` first",
    "no_account": "there is no account with this login",
    "no_lesson": "there is no lesson with this number",
    "no_course": "there is no course with this number",
}


def main() -> int:
    """Entry point: sentences instead of stack traces for everything that is not a bug of ours."""
    try:
        app(standalone_mode=False)
        return 0
    except (typer.Exit, typer.Abort) as leave:
        return getattr(leave, "exit_code", 1)
    except Refused as refused:
        sentence = WORDS.get(refused.code, refused.code).format(**refused.detail)
    except (Sorry, Unavailable, OSError) as error:
        sentence = sentence_of(error)
    except Exception as error:
        # Wrong arguments come from the library as exceptions of its own that know how to show themselves.
        if not hasattr(error, "show"):
            raise
        error.show()
        return 2
    errors.print(sentence, style="red", markup=False)
    return 1


def instruct(settings: Settings, work: Callable[[Any, Any, int], Coroutine[Any, Any, Any]]) -> None:
    """Change the record and tell whoever studies now. A push that fails costs seconds, not the change."""
    from proctor import compose

    async def outer() -> None:
        async with compose.desk(settings) as (db, inbox):
            try:
                await work(db, inbox, time.time_ns() // 1_000_000)
            except Unavailable as gone:
                if gone.port != "redis":
                    raise
                errors.print("Redis does not answer: running lessons learn of it at their next write.")

    uvloop.run(outer())


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="Port of the web server.", min=1, max=65_535)] = None,
    gateway_port: Annotated[
        int | None, typer.Option(help="Port of the gateways (port + 1).", min=1, max=65_535)
    ] = None,
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    demo: Annotated[bool | None, typer.Option("--demo/--no-demo", help="Fill the demonstration once.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="HTTPS; with no files: a local authority.")] = False,
    tls_files: Annotated[list[Path] | None, typer.Argument(help="CERT KEY for --tls.")] = None,
    redis_url: RedisUrl = None,
    database_url: DatabaseUrl = None,
    gateways: Annotated[int | None, typer.Option(help="Gateway processes.", min=1, max=64)] = None,
    workers: Annotated[int | None, typer.Option(help="Face workers.", min=0, max=64)] = None,
) -> None:
    """Start everything under one supervisor; Ctrl-C stops it."""
    settings = settings_of(
        port=port, gateway_port=gateway_port, data=data, host=host, demo=demo, redis_url=redis_url,
        database_url=database_url, gateways=gateways, workers=workers,
    )  # fmt: skip
    files = tls_files or []
    if files and not tls:
        raise Sorry(f"what is {files[0]} for? certificate files follow --tls")
    if len(files) not in (0, 2):
        raise Sorry("--tls takes a certificate and its key, or nothing for a local authority")
    fork_server = open_fork_server(child.IMPORTS)
    from proctor import running

    logs.set_up("supervisor", "warning")
    child.run_until_stopped(lambda stop: running.up(settings, fork_server, stop, console, tls=tls, files=files))


@app.command()
def gateway() -> None:
    """One gateway process."""
    child.serve(child.GATEWAY, settings_of())


@app.command()
def faces() -> None:
    """One face worker."""
    child.serve(child.FACES, settings_of())


@app.command()
def migrate(data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database up to date."""
    from proctor import compose

    async def work() -> None:
        async with compose.database(settings_of(data=data, database_url=database_url)) as db:
            await db.migrate()

    uvloop.run(work())
    console.print("The database is up to date.")


@app.command()
def ingest(
    course: Annotated[int, typer.Argument(help="Number of the course.")],
    video: Annotated[Path, typer.Argument(help="Any video file.")],
    title: Annotated[str, typer.Argument(help="Title of the lesson.")],
    filing_no: Annotated[str | None, typer.Option(help="备案号; without it the lesson earns nothing.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Turn a video into a lesson of a course."""
    from proctor import ingesting

    settings = settings_of(data=data, database_url=database_url)
    lesson_id, made = uvloop.run(ingesting.ingest(settings, course, video, title, filing_no))
    console.print(f"Lesson {lesson_id}: {made.duration_ms / 1000:.1f} s, SHA-256 {made.sha256}", markup=False)


@app.command("take-down")
def take_down(
    lesson: Annotated[int, typer.Argument(help="Number of the lesson.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
) -> None:
    """Nobody starts this lesson any more, and it earns nothing from now on; what was credited stays."""
    from proctor.modules.catalog import service

    settings = settings_of(data=data, database_url=database_url, redis_url=redis_url)
    instruct(settings, lambda db, inbox, now_ms: service.take_down(db, inbox, lesson_id=lesson, now_ms=now_ms))
    console.print(f"Lesson {lesson} is taken down.")


def _status(login: str, status: str, settings: Settings) -> None:
    from proctor.modules.accounts import service

    instruct(
        settings,
        lambda db, inbox, now_ms: service.set_status(db, inbox, login=login, status=status, now_ms=now_ms),
    )
    console.print(f"{login} is {status}.", markup=False)


@app.command()
def block(
    login: Annotated[str, typer.Argument(help="Login of the account.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
) -> None:
    """Sign an account out everywhere, a running lesson included, and let it in no more."""
    _status(login, "blocked", settings_of(data=data, database_url=database_url, redis_url=redis_url))


@app.command()
def unblock(
    login: Annotated[str, typer.Argument(help="Login of the account.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
) -> None:
    """Let a blocked account in again."""
    _status(login, "active", settings_of(data=data, database_url=database_url, redis_url=redis_url))


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="File to write.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write database, evidence and media to a file, and the keys to a second one."""
    from proctor import backup as room

    path, keys = room.backup(settings_of(data=data, database_url=database_url), target)
    console.print(f"Written: {path} and {keys}.", markup=False)
    console.print("Keep the two apart: together they are everybody's faces.")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="File that backup wrote.")],
    keys: Annotated[Path | None, typer.Option(help="Its key file.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Bring a backup into an empty data folder."""
    from proctor import backup as room

    count = room.restore(settings_of(data=data, database_url=database_url), source, keys)
    console.print(f"Restored {count} files. Start with `proctor up`; learners continue from what was stored.")


@app.command()
def rebuild(
    write: Annotated[bool, typer.Option("--write", help="Store the result; without it only compare.")] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Fold all facts again and compare with ledger and statistics, to the millisecond."""
    from proctor import compose
    from proctor import rebuild as room

    async def work() -> tuple[int, list]:
        async with compose.database(settings_of(data=data, database_url=database_url)) as db:
            return await room.rebuild(db, write=write)

    learners, differences = uvloop.run(work())
    for one in differences[:20]:
        errors.print(f"learner {one.learner_id}: {one.table} differs", markup=False)
    console.print(f"{learners} learners folded, {len(differences)} differences{' written' if write else ''}.")
    if differences and not write:
        raise typer.Exit(1)


@app.command()
def doctor(data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Look at this installation and say what is wrong with it."""
    from proctor import doctor as room

    findings = uvloop.run(room.examine(settings_of(data=data, database_url=database_url)))
    table = Table("", "what", "finding")
    for one in findings:
        table.add_row("ok" if one.fine else "!!", one.what, one.words)
    console.print(table)
    if not all(one.fine for one in findings):
        raise typer.Exit(1)


@app.command()
def settings() -> None:
    """All settings with their values; each is read from ZHENXUE_<NAME>."""
    values = settings_of()
    table = Table("setting", "value", "what it is")
    for item in fields(Settings):
        value = getattr(values, item.name)
        # An address may carry a password.
        shown = "(set)" if item.name in ("redis_url", "database_url") and value else str(value)
        table.add_row(item.name, shown, str(item.metadata["help"]))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
