"""Where payments ingest keeps things: Parquet in Blob Storage, rows in PostgreSQL, and one commit over both."""
