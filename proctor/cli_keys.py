"""`proctor keys …`: the master key of an installation."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer
import uvloop
from rich.table import Table

from proctor.cli_base import Data, DatabaseUrl, console, settings_of
from proctor.errors import Sorry
from proctor.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The master key: its versions, a new one, the end of an old one.")


def _with_keys(settings: Settings, work: Callable[[Any, Any, Any], Coroutine[Any, Any, Any]]) -> Any:
    """`work(db, store, vault)` over the keys of this installation."""
    from proctor import compose
    from proctor.adapters.secrets import KeyStore

    async def outer() -> Any:
        vault = compose.vault_of(settings)
        store = KeyStore(settings.data_dir, kms=settings.kms_command)
        async with compose.database(settings) as db:
            return await work(db, store, vault)

    return uvloop.run(outer())


@app.command("status")
def keys_status(data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Versions of the master key and what each has sealed."""
    from proctor import rotation
    from proctor.adapters.keyring import CIPHER_NAMES

    async def work(db, store, _vault) -> None:
        sealed, keys = await rotation.counts(db), store.masters()
        table = Table("version", "cipher", "state", "sealed fields")
        for version, (cipher, state) in sorted(store.versions().items()):
            word = "in use" if version == keys.current else "to come" if state == "next" else "reads only"
            table.add_row(str(version), CIPHER_NAMES[cipher], word, str(sealed[version]))
        console.print(table)

    _with_keys(settings_of(data=data, database_url=database_url), work)


@app.command("rotate")
def keys_rotate(
    cipher: Annotated[str | None, typer.Option(help="aes or sm4; the setting `cipher` by default.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """A new master key while everything runs; what the old one sealed is sealed anew. Takes half a minute or more."""
    from proctor import rotation
    from proctor.adapters.keyring import CIPHER_NAMES

    settings = settings_of(data=data, database_url=database_url, cipher=cipher)
    done = _with_keys(settings, lambda db, store, vault: rotation.rotate(db, store, vault, cipher=settings.cipher))
    name = CIPHER_NAMES[done.cipher]
    console.print(f"Version {done.version} ({name}) is in use; {done.resealed} fields sealed anew.")
    console.print("The old version still opens older backups. `proctor keys forget` destroys it.")


@app.command("forget")
def keys_forget(
    version: Annotated[int, typer.Argument(help="Version to destroy.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Destroy an old master key for good: backups from its time cannot be read any more."""
    from proctor import rotation

    settings = settings_of(data=data, database_url=database_url)
    _with_keys(settings, lambda db, store, _vault: rotation.forget(db, store, version))
    console.print(f"Version {version} is destroyed.")


@app.command("protect")
def keys_protect(data: Data = None) -> None:
    """Have the KMS of the setting kms_command wrap every key that lies in clear."""
    from proctor.adapters.secrets import KeyStore

    settings = settings_of(data=data)
    if not settings.kms_command:
        raise Sorry("the setting kms_command names no command")
    done = KeyStore(settings.data_dir, kms=settings.kms_command).protect()
    console.print(f"Wrapped: {', '.join(done) or 'nothing was left in clear'}.", markup=False)
