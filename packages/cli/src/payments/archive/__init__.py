"""What `payments events` shows of the archive."""
