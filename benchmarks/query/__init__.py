"""How fast the archive answers (docs/archive.md)."""
