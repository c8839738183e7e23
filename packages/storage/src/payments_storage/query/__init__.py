"""Questions to the archive (docs/archive.md): which files can have the answer, and the events in them."""
