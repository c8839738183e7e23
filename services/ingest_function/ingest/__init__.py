"""The function's own code: from the host's events to one committed batch."""
