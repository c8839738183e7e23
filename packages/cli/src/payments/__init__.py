"""The commands. Arrow's allocator reads its settings when pyarrow is first imported, so they stand here."""

import os

# Memory that was freed is used again, not given back: commands go over millions of rows in one size of pieces, and
# touching new pages costs ingest a ninth and compaction a fifth of its processor time.
os.environ.setdefault("MIMALLOC_PURGE_DELAY", "-1")
