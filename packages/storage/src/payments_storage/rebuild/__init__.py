"""Tables computed anew from the archive: a range of some of them while ingest goes on, or all of a lost database."""
