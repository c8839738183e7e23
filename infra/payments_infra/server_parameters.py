"""PostgreSQL's server parameters for this workload, each with its reason. What is not here is Azure's default.

What Azure lets one set: https://learn.microsoft.com/azure/postgresql/server-parameters/concepts-server-parameters
"""

from dataclasses import dataclass
from typing import Final

_MOST_WAL_MB: Final = 16_384


@dataclass(frozen=True)
class Parameter:
    name: str
    value: str
    reason: str


_SECRECY: Final = (
    Parameter("require_secure_transport", "on", "no connection without TLS"),
    Parameter("ssl_min_protocol_version", "TLSv1.2", "older ones are broken"),
    Parameter("log_error_verbosity", "terse", "DETAIL and CONTEXT lines of an error quote the row: payment data"),
    Parameter("log_parameter_max_length", "0", "slow statements are logged, their values are not"),
    Parameter("log_parameter_max_length_on_error", "0", "the same for failing ones"),
)
_STATISTICS: Final = (
    Parameter("azure.extensions", "PG_STAT_STATEMENTS", "the only extension that may be installed"),
    Parameter("pg_stat_statements.track", "top", "which statement takes the time; Azure's default is none"),
    Parameter("track_io_timing", "on", "tells a slow disk from a slow plan"),
    Parameter("log_min_duration_statement", "1000", "no statement of the ingest comes near a second"),
    Parameter("log_lock_waits", "on", "names who waits for whom before lock_timeout (10 s) ends it"),
    Parameter("log_autovacuum_min_duration", "60000", "a vacuum of a minute explains a slow minute"),
    Parameter("metrics.collector_database_activity", "on", "the metrics that alerts and workbook read"),
    Parameter("metrics.autovacuum_diagnostics", "on", "dead rows and the last vacuum of each table"),
)
_WRITE_MOSTLY: Final = (
    Parameter("wal_compression", "lz4", "full pages after each checkpoint are much of the WAL; lz4 is cheap on CPU"),
    Parameter(
        "checkpoint_timeout", "900", "fewer checkpoints, so fewer full pages in the WAL; recovery stays in minutes"
    ),
    Parameter(
        "autovacuum_vacuum_insert_scale_factor",
        "0.05",
        "a day's partition only grows: freeze it in passes while its pages are in memory, not 170 million rows at once",
    ),
    Parameter("autovacuum_analyze_scale_factor", "0.02", "the newest hours of a partition are what queries ask for"),
    Parameter("autovacuum_naptime", "15", "the aggregates' hot rows leave dead versions with every batch"),
    Parameter(
        "autovacuum_vacuum_cost_limit", "2000", "at the default of 200 vacuum falls behind thousands of rows a second"
    ),
)


def server_parameters(*, storage_gb: int, cores: int, pgbouncer: bool) -> list[Parameter]:
    """In the order in which they are set, one after another."""
    return [*_SECRECY, *_STATISTICS, *_WRITE_MOSTLY, _wal_size(storage_gb), *(_pooler(cores) if pgbouncer else [])]


def _wal_size(storage_gb: int) -> Parameter:
    size = min(_MOST_WAL_MB, storage_gb * 32)
    return Parameter("max_wal_size", str(size), "checkpoints by time and not by volume; a 32nd of the disk at most")


def _pooler(cores: int) -> list[Parameter]:
    return [
        Parameter("pgbouncer.enabled", "true", "instances come and go; the server's connections stay"),
        Parameter("pgbouncer.pool_mode", "transaction", "nothing of the ingest rests in a session"),
        Parameter("pgbouncer.default_pool_size", str(cores * 4), "Azure advises 2 to 5 a core"),
        Parameter(
            "pgbouncer.max_prepared_statements",
            "200",
            "psycopg prepares what it runs often; at Azure's default of 0 that fails in transaction mode",
        ),
        Parameter("pgbouncer.query_wait_timeout", "30", "a batch that waits longer is better tried again"),
        Parameter("metrics.pgbouncer_diagnostics", "on", "how many clients wait"),
    ]
