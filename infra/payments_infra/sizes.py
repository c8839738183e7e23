"""What Azure's sizes mean: workers of a Function instance, connections and tier of a PostgreSQL size, with sources."""

import re
from typing import Final

# One for each core, the quarter of one counted as one:
# https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#instance-sizes
WORKERS_OF_MEMORY: Final = {512: 1, 2048: 1, 4096: 2}

# Connections that users get, by memory in GiB: https://learn.microsoft.com/azure/postgresql/configure-maintain/concepts-limits
_USER_CONNECTIONS: Final = {2: 35, 4: 414, 8: 844, 16: 1703, 32: 3422}
_MOST_USER_CONNECTIONS: Final = 4985
_GIB_OF_BURSTABLE: Final = {"1ms": 2, "2s": 4, "2ms": 8, "4ms": 16, "8ms": 32, "12ms": 48, "16ms": 64, "20ms": 80}
_GIB_PER_CORE: Final = {"D": 4, "E": 8}
_TIERS: Final = {"B": "Burstable", "D": "GeneralPurpose", "E": "MemoryOptimized"}
_SKU: Final = re.compile(r"Standard_(?:B(?P<burstable>\d+m?s)|(?P<family>[DE])(?P<cores>\d+)a?ds_v\d)")

# Premium SSD grows by doubling: https://learn.microsoft.com/azure/postgresql/extensions/concepts-storage
POSTGRES_STORAGE_GB: Final = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


def is_postgres_sku(sku: str) -> bool:
    match = _SKU.fullmatch(sku)
    return match is not None and match["burstable"] in {None, *_GIB_OF_BURSTABLE}


def postgres_tier(sku: str) -> str:
    """Burstable, GeneralPurpose or MemoryOptimized."""
    return _TIERS[sku.removeprefix("Standard_")[0]]


def postgres_cores(sku: str) -> int:
    digits = re.match(r"Standard_[BDE](\d+)", sku)
    if digits is None:
        raise ValueError(f"{sku!r} is no PostgreSQL size known here")
    return int(digits[1])


def postgres_user_connections(sku: str) -> int:
    """How many connections are left for users at the default max_connections of this size."""
    match = _SKU.fullmatch(sku)
    if match is None:
        raise ValueError(f"{sku!r} is no PostgreSQL size known here")
    if match["burstable"]:
        memory = _GIB_OF_BURSTABLE[match["burstable"]]
    else:
        memory = int(match["cores"]) * _GIB_PER_CORE[match["family"]]
    return _USER_CONNECTIONS.get(memory, _MOST_USER_CONNECTIONS)
