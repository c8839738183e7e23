"""One module a sub-command; each gives a typer app or function that `payments.main` registers."""
