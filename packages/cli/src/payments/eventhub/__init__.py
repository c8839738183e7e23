"""Event Hubs through the SDK: what `payments produce --to eventhub` and `payments consume` are made of."""
