"""The local services: they come up again after whatever happened to them, and touch nothing that is not theirs."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import psycopg
import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient
from typer.testing import CliRunner

from payments.errors import Status, UserError
from payments.local import azurite, place, postgres, processes, services, state
from payments.local.azurite import Azurite
from payments.local.database import READER
from payments.local.place import Place, temporary_place
from payments.local.postgres import PostgresServer
from payments.main import app

SERVER_NAMES = ["PostgreSQL", "Azurite"]


def payments(*arguments: str, status: int = 0) -> str:
    """The command's output; its error output where it is expected to fail."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == status, result.output
    return result.stderr if status else result.stdout


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def container(settings: dict[str, str]) -> ContainerClient:
    client = BlobServiceClient.from_connection_string(settings["ARCHIVE_CONNECTION_STRING"])
    return client.get_container_client(settings["ARCHIVE_CONTAINER"])


@pytest.fixture(scope="module")
def clone() -> Iterator[Place]:
    """A clone's place, elsewhere: this clone's own services go on undisturbed, and stop with these tests."""
    with pytest.MonkeyPatch.context() as patch, temporary_place() as temporary:
        local = temporary.folder / ".local"
        here = Place(temporary.folder / "roots" if temporary.account else local, temporary.account)
        patch.setattr(services, "clone_place", lambda: here)
        patch.setattr(place, "LOCAL", local)
        yield here
        services.down(delete=True)


@pytest.fixture
def up(clone: Place) -> services.Services:
    running = services.up()
    assert running.place == clone
    return running


def pids(of: services.Services) -> list[int]:
    found = (of.postgres.process(), of.azurite.process())
    return [process.pid for process in found if process is not None]


pytestmark = [pytest.mark.services, pytest.mark.xdist_group("local-services")]


def test_where_a_proxy_is_set_the_settings_lead_past_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert services._past_the_proxy() == {}
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    exempt = "intranet.example,127.0.0.1"
    assert services._past_the_proxy() == {"no_proxy": exempt, "NO_PROXY": exempt}


def test_up_says_what_runs_where(up: services.Services) -> None:
    said = payments("services", "up")
    assert f"PostgreSQL  {up.postgres.address}" in said
    assert f"Azurite     {up.azurite.address}" in said
    assert str(up.place.folder) in said


def test_up_leaves_running_servers_as_they_are(up: services.Services) -> None:
    before = pids(up)
    assert pids(services.up()) == before
    assert len(before) == len(SERVER_NAMES)


def test_env_prints_lines_that_a_shell_evaluates_to_what_json_says(up: services.Services) -> None:
    settings = json.loads(payments("services", "env", "--json"))
    assert settings == up.settings()
    script = payments("services", "env") + "".join(f'printf "%s\\n" "${name}"\n' for name in settings)
    evaluated = subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True, text=True, env={})
    assert evaluated.stdout.splitlines() == list(settings.values())


def test_each_login_has_its_own_rights(up: services.Services) -> None:
    memberships = rows(
        up.settings()["POSTGRES_DSN"],
        "SELECT m.rolname, g.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member "
        "JOIN pg_roles g ON g.oid = a.roleid WHERE g.rolname ~ '^payments_' AND a.inherit_option ORDER BY 1",
    )
    assert memberships == [
        ("analyst", "payments_reader"),
        ("ingest", "payments_writer"),
        ("operator", "payments_operator"),
        ("payments_operator", "payments_writer"),
    ]
    with psycopg.connect(up.settings()["POSTGRES_MIGRATOR_DSN"]) as owner:
        owner.execute("CREATE TABLE owned_by_the_migrator ()")
        owner.rollback()
    for dsn in (up.settings()["POSTGRES_DSN"], up.postgres.dsn(READER, services.DATABASE)):
        with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE no_right_to_create ()")


def test_a_server_of_ours_accepts_no_other_password(up: services.Services) -> None:
    wrong = up.settings()["POSTGRES_DSN"].replace(up.postgres.password, "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_services_wait_for_the_disk_before_they_confirm_a_commit(up: services.Services) -> None:
    query = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('timezone')"
    assert rows(up.settings()["POSTGRES_DSN"], query) == [("on", "on", "UTC")]


def test_up_recovers_after_kill_and_finds_the_data_again(up: services.Services) -> None:
    with psycopg.connect(up.settings()["POSTGRES_MIGRATOR_DSN"]) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS survives AS SELECT 7 AS kept")
    before = pids(up)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    again = services.up()
    assert not set(before) & set(pids(again))
    assert rows(again.settings()["POSTGRES_MIGRATOR_DSN"], "SELECT kept FROM survives") == [(7,)]
    with container(again.settings()) as archive:
        assert archive.exists()


def test_a_process_that_took_over_the_postmasters_id_is_left_alone(up: services.Services) -> None:
    """PostgreSQL itself would refuse to start: the process in postmaster.pid lives, and is of the same account."""
    account = up.place.account
    with subprocess.Popen(["/bin/sleep", "60"], user=account.uid if account else None, cwd="/") as stranger:
        services.down(delete=False)
        pid_file = up.postgres.data / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{up.postgres.data}\n")
        assert services.down(delete=False) == []
        services.up()
        assert stranger.poll() is None
        stranger.kill()


def test_up_takes_other_ports_when_its_own_are_taken(up: services.Services) -> None:
    services.down(delete=False)
    taken = {int(address.rpartition(":")[2]) for address in (up.postgres.address, up.azurite.address)}
    listeners = [socket.create_server(("127.0.0.1", port)) for port in taken]
    try:
        moved = services.up()
        assert not taken & {int(a.rpartition(":")[2]) for a in (moved.postgres.address, moved.azurite.address)}
        assert rows(moved.settings()["POSTGRES_DSN"], "SELECT 1") == [(1,)]
    finally:
        for listener in listeners:
            listener.close()


@pytest.mark.parametrize("server", [PostgresServer, Azurite])
def test_a_port_lost_between_probe_and_start_is_replaced(
    clone: Place, monkeypatch: pytest.MonkeyPatch, server: type[PostgresServer | Azurite]
) -> None:
    services.down(delete=False)
    with socket.create_server(("127.0.0.1", 0)) as thief:
        stolen = thief.getsockname()[1]
        offers = [stolen]
        for module in (postgres, azurite):
            monkeypatch.setattr(module, "free_port", lambda _: offers.pop() if offers else processes.free_port(None))
        remembered = state.load(clone.folder)
        assert remembered is not None
        running = server(clone, remembered)
        running.start()
        assert offers == []
        assert running.process() is not None
        assert not running.address.endswith(f":{stolen}")


def test_two_ups_at_once_start_one_pair(clone: Place) -> None:
    services.down(delete=False)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: services.up(), range(2))
    assert pids(first) == pids(second)
    named = [p for p in psutil.process_iter(["cmdline"]) if str(clone.folder / "azurite") in (p.info["cmdline"] or [])]
    assert len(named) == 1


def test_another_places_servers_are_not_ours(up: services.Services, postgres_server: PostgresServer) -> None:
    services.down(delete=False)
    assert rows(postgres_server.dsn("postgres", "postgres"), "SELECT 1") == [(1,)]
    assert up.postgres.process() is None


def test_start_clean_empties_database_and_container(up: services.Services) -> None:
    settings = up.settings()
    with container(settings) as archive:
        archive.upload_blob("raw_events/left.parquet", b"from the run before")
    with psycopg.connect(settings["POSTGRES_MIGRATOR_DSN"]) as connected:  # this too must not prevent it
        connected.execute("CREATE TABLE left_over ()")
        connected.commit()
        settings = services.start_clean().settings()
    assert rows(settings["POSTGRES_MIGRATOR_DSN"], "SELECT to_regclass('left_over')") == [(None,)]
    with container(settings) as archive:
        assert list(archive.list_blob_names()) == []


def test_down_stops_and_env_then_says_what_to_do(up: services.Services) -> None:
    assert payments("services", "down") == "Stopped PostgreSQL and Azurite.\n"
    assert pids(up) == []
    assert payments("services", "down") == "Nothing was running.\n"
    assert "payments services up" in payments("services", "env", status=Status.FOUND_WRONG)


def test_a_lost_or_damaged_state_is_explained_and_delete_starts_afresh(up: services.Services) -> None:
    file = up.place.folder / "state.json"
    file.write_text("{")
    assert "down --delete" in payments("services", "up", status=Status.FOUND_WRONG)
    file.unlink()
    assert "its password is lost" in payments("services", "up", status=Status.FOUND_WRONG)
    assert "Removed the data." in payments("services", "down", "--delete")
    assert not up.postgres.data.exists()
    assert len(pids(services.up())) == len(SERVER_NAMES)


def test_missing_azurite_names_make_setup_and_starts_nothing(clone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    services.down(delete=False)
    monkeypatch.setattr(azurite, "_PROGRAM", clone.folder / "main.js")
    assert "make setup" in payments("services", "up", status=Status.FOUND_WRONG)
    assert services.running() is None
    assert services.down(delete=False) == []


def test_commands_use_local_services_only_where_nothing_is_configured(
    up: services.Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in up.settings():
        monkeypatch.setenv(name, "")  # so that what is set below is undone
        monkeypatch.delenv(name)
    services.use_local_services_if_unset()
    assert os.environ["POSTGRES_DSN"] == up.settings()["POSTGRES_DSN"]
    assert "local services" in capsys.readouterr().err
    monkeypatch.setenv("POSTGRES_DSN", "elsewhere")
    services.use_local_services_if_unset()
    assert os.environ["POSTGRES_DSN"] == "elsewhere"


@pytest.mark.parametrize("evaluated", [False, True])
def test_rebuild_works_with_local_services_out_of_the_box(
    up: services.Services,
    monkeypatch: pytest.MonkeyPatch,
    evaluated: bool,  # noqa: FBT001
) -> None:
    """With nothing set, and after `eval "$(payments services env)"`."""
    for name, value in up.settings().items():
        monkeypatch.setenv(name, value)
        if not evaluated:
            monkeypatch.delenv(name)
    payments("migrate")
    if not evaluated:
        for name in up.settings():
            monkeypatch.delenv(name)
    assert "The new rows are in place" in payments("rebuild", "--from", "2026-01-05")


def test_the_operators_login_alone_is_a_configuration_too(
    up: services.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a rebuild that somebody meant for another database would be one of the local one."""
    for name in up.settings():
        monkeypatch.delenv(name, raising=False)
    elsewhere = "postgresql://operator@db.example/payments"
    monkeypatch.setenv("POSTGRES_OPERATOR_DSN", elsewhere)
    services.use_local_services_if_unset()
    assert os.environ["POSTGRES_OPERATOR_DSN"] == elsewhere
    assert "ARCHIVE_ACCOUNT_URL" in payments("rebuild", "--from", "2026-01-05", status=Status.WRONG_USAGE)


@pytest.mark.usefixtures("clone")
def test_without_configuration_and_services_it_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POSTGRES_DSN", "ARCHIVE_CONNECTION_STRING", "ARCHIVE_CONTAINER", "ARCHIVE_ACCOUNT_URL"):
        monkeypatch.delenv(name, raising=False)
    services.down(delete=False)
    with pytest.raises(UserError, match="payments services up") as raised:
        services.use_local_services_if_unset()
    assert raised.value.status == Status.WRONG_USAGE
