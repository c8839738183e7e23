"""The dead-letter queue for people: what `payments failed` shows, tries and does."""
