"""What Azure needs first is made first: roles, names that resolve, one change of a server at a time."""

from .stacks import Stack


def names(stack: Stack, kind: str) -> set[str]:
    return {row.name for row in stack.of_kind(kind)}


def test_the_function_app_waits_for_all_of_its_roles(stack: Stack) -> None:
    roles = {name for name in names(stack, "authorization:RoleAssignment") if name.startswith("access-ingest-")}
    assert len(roles) == 5
    assert roles <= stack.waits_for("function")


def test_each_job_waits_for_all_of_its_roles(stack: Stack) -> None:
    for task in ("bootstrap", "migrate", "smoke", "operate"):
        roles = {n for n in names(stack, "authorization:RoleAssignment") if n.startswith(f"access-{task}-")}
        assert roles, task
        assert roles <= stack.waits_for(f"jobs-{task}"), task


def test_the_function_app_and_the_jobs_wait_until_every_name_they_use_resolves(stack: Stack) -> None:
    groups = names(stack, "network:PrivateDnsZoneGroup")
    assert groups == {
        "archive-endpoint-dns",
        "events-endpoint-dns",
        "host-storage-endpoint-dns",
        "postgres-endpoint-dns",
    }
    assert groups <= stack.waits_for("function")
    assert groups - {"host-storage-endpoint-dns"} <= stack.waits_for("jobs-operate")


def test_a_name_is_registered_only_when_the_network_sees_its_zone(stack: Stack) -> None:
    for group in stack.of_kind("network:PrivateDnsZoneGroup"):
        kind = {"archive": "blob", "host-storage": "blob", "events": "namespace", "postgres": "postgresqlServer"}
        zone = kind[group.name.removesuffix("-endpoint-dns")]
        assert f"network-dns-{zone}-link" in stack.waits_for(group.name)


def test_what_belongs_to_postgres_is_made_one_after_another(stack: Stack) -> None:
    """Two changes at a time are answered with ServerIsBusy."""
    kinds = ("AdministratorsMicrosoftEntra", "Configuration", "FirewallRule")
    chain = {name for kind in kinds for name in names(stack, f"dbforpostgresql:{kind}")}
    assert len(chain) > 20
    assert sorted(len(stack.waits_for(name) & chain) for name in chain) == list(range(len(chain)))
    for last in ("postgres-endpoint", "postgres-diagnostics"):
        assert chain <= stack.waits_for(last)


def test_subnets_are_made_one_after_another(stack: Stack) -> None:
    """Two changes at a time are answered with AnotherOperationInProgress."""
    subnets = names(stack, "network:Subnet")
    assert sorted(len(stack.waits_for(name) & subnets) for name in subnets) == [0, 1, 2]


def test_containers_and_policies_wait_for_versioning(stack: Stack) -> None:
    for name in ("archive-events", "archive-dead-letters", "archive-lifecycle"):
        assert "archive-blobs" in stack.waits_for(name)


def test_locks_come_after_what_they_lock(prod: Stack) -> None:
    for what, held in {
        "archive": "archive-account",
        "postgres": "postgres-server",
        "events": "events-namespace",
    }.items():
        assert held in prod.waits_for(f"locks-{what}")


def test_names_tell_resources_apart(stack: Stack) -> None:
    """Dependencies are recorded by name, here and in what a person reads."""
    found = [row.name for row in stack if not row.is_component]
    assert len(set(found)) == len(found)
