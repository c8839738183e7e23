"""The jobs of a stack: command, identity and environment of each."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pulumi

from payments_infra.app_settings import Surroundings, Values, event_hub_settings, ingest_settings, storage_settings
from payments_infra.components.access import Access
from payments_infra.components.identities import Identities
from payments_infra.components.jobs import JobSpec
from payments_infra.components.postgres import DATABASE, Postgres
from payments_infra.settings import Settings

# workload -> the group role of the migrations whose rights it has
MEMBERS: Final = {
    "ingest": "payments_writer",
    "operate": "payments_operator",
    "smoke": "payments_reader",
}
_MINUTE: Final = 60


def job_specs(
    settings: Settings,
    *,
    identities: Identities,
    postgres: Postgres,
    around: Surroundings,
    access: Access,
    ready: Sequence[pulumi.Resource],
) -> dict[str, JobSpec]:
    """`around` is the Function's view; each job has its own identity and goes to PostgreSQL directly."""

    def own(workload: str) -> Surroundings:
        identity = identities[workload]
        return replace(around, postgres_dsn=postgres.dsn(identity.name), client_id=identity.client_id)

    def spec(workload: str, command: Sequence[str], environment: Values, minutes: int) -> JobSpec:
        after = [*access.of(workload), *ready]
        return JobSpec(command, identities[workload], environment, minutes * _MINUTE, after)

    bootstrap: Values = {
        "AZURE_CLIENT_ID": identities["bootstrap"].client_id,
        "POSTGRES_ADMIN_DSN": postgres.dsn(identities["bootstrap"].name, database="postgres"),
        "POSTGRES_DATABASE": DATABASE,
        "POSTGRES_LOGINS": _logins(settings, identities),
    }
    migrate: Values = {
        "AZURE_CLIENT_ID": identities["migrate"].client_id,
        # Not through PgBouncer: dbmate holds a lock in its session.
        "POSTGRES_MIGRATOR_DSN": postgres.dsn(identities["migrate"].name),
    }
    smoke = {**storage_settings(own("smoke"), settings), **event_hub_settings(own("smoke"))}
    operate = {**storage_settings(own("operate"), settings), **ingest_settings(settings)}
    return {
        "bootstrap": spec("bootstrap", ["python", "database/bootstrap/bootstrap.py"], bootstrap, 10),
        "migrate": spec("migrate", ["payments", "migrate"], migrate, 60),
        "smoke": spec("smoke", ["payments", "smoke"], smoke, 15),
        "operate": spec("operate", ["payments", "--help"], operate, 240),
    }


def _logins(settings: Settings, identities: Identities) -> pulumi.Output[str]:
    """What the bootstrap job shall make, as JSON: logins with their Entra object ids, and the group each belongs to."""
    workloads = ["migrate", *MEMBERS]
    facts = pulumi.Output.all(*[[identities[w].name, identities[w].principal_id] for w in workloads])

    def document(rows: Sequence[Sequence[str]]) -> str:
        logins = [
            {"name": name, "object_id": object_id, "kind": "service", "member_of": MEMBERS.get(workload)}
            for workload, (name, object_id) in zip(workloads, rows, strict=True)
        ]
        if settings.postgres_reader_group_name:
            logins.append(
                {
                    "name": settings.postgres_reader_group_name,
                    "object_id": settings.postgres_reader_group_object_id,
                    "kind": "group",
                    "member_of": "payments_reader",
                }
            )
        return json.dumps(logins)

    return facts.apply(document)
