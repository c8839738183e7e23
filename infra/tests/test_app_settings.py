"""Infrastructure and app are one: every setting that the app reads is provided, and nothing is that nobody reads."""

import re
from inspect import signature
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import TypeAdapter

from ingest.settings import IngestSettings
from payments.commands.cost import cost
from payments_infra.app_settings import NOT_IN_AZURE
from payments_infra.bounds import LIMITS
from payments_infra.components.archive import DEAD_LETTERS, EVENTS
from payments_infra.settings import TYPES, key_of

from .recording import ROOT
from .stacks import Stack
from .test_settings import DECLARED, settings_of

FUNCTION = ROOT / "services" / "ingest_function"
READ_BY_THE_APP = {name.upper() for name in IngestSettings.model_fields}
# Read by the host and its worker, by names that Microsoft documents.
READ_BY_THE_HOST = {
    "EVENTHUB_NAME",  # %EVENTHUB_NAME% in function_app.py
    "EVENTHUB_CONSUMER_GROUP",
    "EventHubConnection__fullyQualifiedNamespace",
    "EventHubConnection__credential",
    "EventHubConnection__clientId",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "PYTHON_THREADPOOL_THREAD_COUNT",
    "MIMALLOC_PURGE_DELAY",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
}


def test_every_setting_that_the_app_reads_is_provided_or_said_to_be_for_other_places(stack: Stack) -> None:
    provided = stack.app_settings().keys()
    missing = READ_BY_THE_APP - provided - NOT_IN_AZURE.keys()
    assert not missing, "payments_infra/app_settings.py must say what these are in Azure (or NOT_IN_AZURE, why not)"
    assert not NOT_IN_AZURE.keys() & provided
    assert NOT_IN_AZURE.keys() <= READ_BY_THE_APP, "the app does not know these any more"


def test_no_setting_is_provided_that_nobody_reads(stack: Stack) -> None:
    assert stack.app_settings().keys() - READ_BY_THE_APP == READ_BY_THE_HOST


def test_names_that_function_app_takes_from_the_environment_are_provided(stack: Stack) -> None:
    source = (FUNCTION / "function_app.py").read_text(encoding="utf-8")
    referenced = set(re.findall(r"%(\w+)%", source))
    assert referenced == {"EVENTHUB_NAME", "EVENTHUB_CONSUMER_GROUP"}
    connections = set(re.findall(r'connection="(\w+)"', source))
    assert {f"{name}__fullyQualifiedNamespace" for name in connections} <= stack.app_settings().keys()


def test_the_app_accepts_what_it_is_given(stack: Stack) -> None:
    """Parsed by the app's own classes, as at the start of a worker."""
    given = {name.lower(): value for name, value in stack.app_settings().items() if name in READ_BY_THE_APP}
    settings = IngestSettings.load(**given)
    dsn = settings.postgres_dsn.get_secret_value()
    assert "sslmode=verify-full" in dsn
    assert settings.archive_container == EVENTS
    assert settings.dead_letter_container == DEAD_LETTERS


def test_connections_go_through_pgbouncer_where_there_is_one(prod: Stack, dev: Stack) -> None:
    assert ":6432/payments?" in prod.app_settings()["POSTGRES_DSN"]
    assert ":5432/payments?" in dev.app_settings()["POSTGRES_DSN"]
    assert "postgres-pgbouncer.enabled" not in {row.name for row in dev}


def test_a_login_is_the_identity_that_the_app_runs_as(stack: Stack) -> None:
    identity = stack.one("managedidentity:UserAssignedIdentity", "identities-ingest").inputs["resourceName"]
    settings = stack.app_settings()
    assert settings["POSTGRES_DSN"].startswith(f"postgresql://{identity}@")
    assert settings["AZURE_CLIENT_ID"] == settings["EventHubConnection__clientId"] == f"client-of-{identity}"


def test_a_worker_handles_one_batch_and_an_instance_has_a_worker_a_core(prod: Stack, dev: Stack) -> None:
    assert prod.app_settings()["PYTHON_THREADPOOL_THREAD_COUNT"] == "1"
    assert prod.app_settings()["FUNCTIONS_WORKER_PROCESS_COUNT"] == "2"
    assert dev.app_settings()["FUNCTIONS_WORKER_PROCESS_COUNT"] == "1"


def test_the_instances_that_are_always_ready_are_those_of_a_function_that_exists(prod: Stack) -> None:
    source = (FUNCTION / "function_app.py").read_text(encoding="utf-8")
    groups = prod.one("web:WebApp").inputs["functionAppConfig"]["scaleAndConcurrency"]["alwaysReady"]
    names = [group["name"].removeprefix("function:") for group in groups]
    assert names == ["ingest"]
    assert f'@app.function_name("{names[0]}")' in source


def test_connections_are_counted_for_the_timers_that_there_are() -> None:
    from payments_infra.settings import TIMER_FUNCTIONS  # noqa: PLC0415

    source = (FUNCTION / "function_app.py").read_text(encoding="utf-8")
    assert source.count("@app.timer_trigger") <= TIMER_FUNCTIONS


def test_a_batch_gives_up_before_the_host_ends_the_function() -> None:
    host = yaml.safe_load((FUNCTION / "host.json").read_text(encoding="utf-8"))
    hours, minutes, seconds = map(int, host["functionTimeout"].split(":"))
    assert settings_of("prod").retry_budget_seconds < hours * 3600 + minutes * 60 + seconds


def test_the_documented_settings_are_those_that_are_provided(prod: Stack) -> None:
    text = (ROOT / Path("docs/settings.md")).read_text(encoding="utf-8")
    documented = set(re.findall(r"`(\w+)`", text))
    undocumented = {name for name in prod.app_settings() if name in READ_BY_THE_APP} - documented
    assert not undocumented, "docs/settings.md"


def test_what_the_app_takes_for_usual_is_what_pulumi_deploys() -> None:
    """So that a local run keeps what Azure keeps."""
    numbers = [name for name, wanted in TYPES.items() if wanted is int and name in IngestSettings.model_fields]
    shared = {key_of(name): IngestSettings.model_fields[name].default for name in numbers}
    assert {"dedupWindowDays", "metricsRetentionDays", "failedItemsRetentionDays"} <= shared.keys()
    assert shared == {key: DECLARED[key]["default"] for key in shared}


def test_pulumi_takes_no_number_that_the_app_refuses() -> None:
    """Else a deployment goes through, and the app does not start."""
    shared = [name for name in IngestSettings.model_fields if name in LIMITS]
    assert {"retry_budget_seconds", "failed_items_retention_days"} <= set(shared)
    for name in shared:
        app, limit = TypeAdapter(Annotated[int, *IngestSettings.model_fields[name].metadata]), LIMITS[name]
        assert [app.validate_python(number) for number in (limit.low, limit.high)] == [limit.low, limit.high], name


def test_the_estimate_of_costs_reckons_with_what_pulumi_deploys() -> None:
    """`payments events cost` without options."""
    usual = {name: parameter.default for name, parameter in signature(cost).parameters.items()}
    keys = {
        "cool": "archiveCoolAfterDays", "archive": "archiveArchiveAfterDays", "delete": "archiveRetentionDays",
        "soft_delete": "softDeleteDays",
    }  # fmt: skip
    assert {key: usual[name] for name, key in keys.items()} == {key: DECLARED[key]["default"] for key in keys.values()}
