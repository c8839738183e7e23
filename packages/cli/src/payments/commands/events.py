"""`payments events`: the archive."""

import typer

from payments.commands import compact, cost, query

app = typer.Typer(help="The archive of events, by time.", no_args_is_help=True)
app.command()(query.query)
app.command()(cost.cost)
app.command()(compact.compact)
