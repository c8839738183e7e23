"""The `payments` command: registers the sub-commands; what a person can mend ends in one message and an exit status."""

from typing import Any

import typer
from typer.core import TyperGroup

from payments.commands import (
    consume,
    demo,
    events,
    failed,
    ingest,
    migrate,
    plan,
    produce,
    rebuild,
    reconcile,
    services,
    smoke,
)
from payments.errors import Status, UserError
from payments_storage.errors import StorageError
from payments_storage.settings import SettingsError


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"payments: {error}", err=True)
            raise typer.Exit(error.status) from None
        except SettingsError as error:
            typer.echo(f"payments: {error}", err=True)
            raise typer.Exit(Status.WRONG_USAGE) from None
        except StorageError as error:
            typer.echo(f"payments: {error}", err=True)
            raise typer.Exit(Status.FOUND_WRONG) from None


# Pretty tracebacks are off: a traceback here is a bug, and must not print local variables (passwords, payloads).
app = typer.Typer(
    cls=_Commands,
    help="Payment events into an archive, metrics and aggregates, on your machine and in Azure.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(services.app, name="services")
app.command()(migrate.migrate)
app.command()(demo.demo)
app.command()(produce.produce)
app.command()(ingest.ingest)
app.command()(consume.consume)
app.add_typer(failed.app, name="failed")
app.add_typer(events.app, name="events")
app.command()(reconcile.reconcile)
app.command()(rebuild.rebuild)
app.command()(smoke.smoke)
app.command()(plan.plan)
