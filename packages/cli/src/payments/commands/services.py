"""`payments services`: embedded PostgreSQL and Azurite for this clone."""

import json
from typing import Annotated

import typer

from payments.errors import UserError
from payments.local import services

app = typer.Typer(
    help="PostgreSQL and Azurite on this machine, for this clone only: own ports, own data, no Docker.",
    no_args_is_help=True,
)


@app.command()
def up() -> None:
    """Start the services, or leave them as they are if they run. Data of earlier runs is kept.

    Example: payments services up
    """
    started = services.up()
    postgres, azurite = started.postgres, started.azurite
    print(f"PostgreSQL  {postgres.address}  database {services.DATABASE}, data in {postgres.data}, log {postgres.log}")
    print(f"Azurite     {azurite.address}  container {services.CONTAINER}, data in {azurite.data}, log {azurite.log}")
    print('Commands in this clone find them. For other programs: eval "$(payments services env)"')


@app.command()
def down(
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Also remove the database, the blobs and the logs.")] = False,
) -> None:
    """Stop the services of this clone. Their data stays, unless --delete is given.

    Example: payments services down --delete
    """
    stopped = services.down(delete=delete)
    print(f"Stopped {' and '.join(stopped)}." if stopped else "Nothing was running.")
    if delete:
        print("Removed the data.")


@app.command()
def env(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of shell lines.")] = False,
) -> None:
    """Print the settings that point the application at the running services.

    Example: eval "$(payments services env)"
    """
    running = services.running()
    if running is None:
        raise UserError("The local services are not running. Start them with `payments services up`.")
    settings = running.settings()
    if as_json:
        print(json.dumps(settings, indent=2))
        return
    for name, value in settings.items():
        quoted = value.replace("'", "'\\''")
        print(f"export {name}='{quoted}'")
