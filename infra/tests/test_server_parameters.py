"""PostgreSQL's parameters: each has a reason, and the sizes follow the server."""

from payments_infra.server_parameters import Parameter, server_parameters
from payments_infra.sizes import postgres_cores, postgres_tier, postgres_user_connections

PROD = {p.name: p for p in server_parameters(storage_gb=512, cores=8, pgbouncer=True)}


def test_every_parameter_is_set_once_and_has_a_reason() -> None:
    listed: list[Parameter] = server_parameters(storage_gb=512, cores=8, pgbouncer=True)
    assert len(PROD) == len(listed)
    assert all(parameter.reason for parameter in listed)


def test_wal_may_take_a_32nd_of_the_disk_and_16_gb_at_most() -> None:
    sizes = {
        storage: next(
            p.value for p in server_parameters(storage_gb=storage, cores=2, pgbouncer=False) if "wal_size" in p.name
        )
        for storage in (32, 512, 4096)
    }
    assert sizes == {32: "1024", 512: "16384", 4096: "16384"}


def test_the_pooler_holds_four_connections_a_core() -> None:
    assert PROD["pgbouncer.default_pool_size"].value == "32"


def test_without_a_pooler_none_of_its_parameters_is_set() -> None:
    names = [p.name for p in server_parameters(storage_gb=32, cores=2, pgbouncer=False)]
    assert not [name for name in names if "pgbouncer" in name]


def test_sizes_are_read_as_azure_writes_them() -> None:
    assert [postgres_cores(f"Standard_{sku}") for sku in ("B2s", "D8ds_v5", "E16ads_v5")] == [2, 8, 16]
    assert [postgres_tier(f"Standard_{sku}") for sku in ("B2s", "D8ds_v5", "E16ads_v5")] == [
        "Burstable", "GeneralPurpose", "MemoryOptimized",
    ]  # fmt: skip
    table = {"B1ms": 35, "B2s": 414, "B2ms": 844, "D4ds_v5": 1703, "D8ads_v5": 3422, "E4ds_v5": 3422, "D64ds_v5": 4985}
    assert {sku: postgres_user_connections(f"Standard_{sku}") for sku in table} == table
