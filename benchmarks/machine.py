"""On what the figures were measured."""

import os
import platform
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa

from benchmarks.servers import SETTINGS, Servers


def describe(servers: Servers) -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "pyarrow": pa.__version__,
        "postgresql": servers.postgres_version(),
        "postgresql_settings": SETTINGS,
        "load_before": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
