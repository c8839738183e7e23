"""The Azure environment of payments ingest, as Pulumi components. `infra/__main__.py` puts them together."""
