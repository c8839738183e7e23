"""The part of the Functions host that matters here: NDJSON files go through the function as Event Hub batches would."""
