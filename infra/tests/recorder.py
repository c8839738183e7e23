"""Runs the Pulumi program without an engine and writes down what it registers: inputs, options, dependencies.

    python recorder.py ROOT OUT.json STACK [STACK ...] [--set KEY=VALUE ...]

A process of its own: Pulumi keeps its state in module globals. The program fails, so does this.
"""

import argparse
import asyncio
import json
import runpy
import sys
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks

SUBSCRIPTION: Final = "00000000-0000-0000-0000-00000000cafe"
TENANT: Final = "00000000-0000-0000-0000-0000000000ad"
# The argument that is a resource's own name, where it has the names of its parents as arguments too.
_OWN_NAMES: Final = {
    "BlobContainer": "containerName",
    "Component": "resourceName",
    "EventHub": "eventHubName",
    "Namespace": "namespaceName",
    "PrivateEndpoint": "privateEndpointName",
    "PrivateZone": "privateZoneName",
    "Registry": "registryName",
    "ResourceGroup": "resourceGroupName",
    "Server": "serverName",
    "StorageAccount": "accountName",
    "Subnet": "subnetName",
    "UserAssignedIdentity": "resourceName",
    "VirtualNetwork": "virtualNetworkName",
    "Workspace": "workspaceName",
}


class _Azure(Mocks):
    """Answers as Azure would, as far as the program looks: names, ids, host names, client ids."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        kind = args.typ.split(":")[-1]
        outputs = dict(args.inputs)
        identity = outputs.get("identity")
        if isinstance(identity, dict) and isinstance(identity.get("userAssignedIdentities"), list):
            # In goes a list, out comes a map.
            ids: dict[str, Any] = {resource_id: {} for resource_id in identity["userAssignedIdentities"]}
            outputs["identity"] = {**identity, "userAssignedIdentities": ids}
        name = args.inputs.get(_OWN_NAMES.get(kind, "name"), args.name)
        outputs |= {"name": name, "location": "westeurope"}
        outputs |= {
            "UserAssignedIdentity": {"clientId": f"client-of-{name}", "principalId": f"principal-of-{name}"},
            "Component": {"connectionString": "InstrumentationKey=0"},
            "Server": {"fullyQualifiedDomainName": f"{name}.postgres.database.azure.com"},
            "Registry": {"loginServer": f"{name}.azurecr.io"},
        }.get(kind, {})
        return f"/subscriptions/{SUBSCRIPTION}/{args.typ}/{name}", outputs

    def call(self, args: MockCallArgs) -> Any:
        if args.token != "azure-native:authorization:getClientConfig":
            raise NotImplementedError(f"the recorder does not know {args.token}")
        return {"subscriptionId": SUBSCRIPTION, "tenantId": TENANT, "objectId": "o", "clientId": "c"}


class _Recorder(MockMonitor):
    """Keeps of each request what the mocks do not get to see: options and dependencies."""

    def __init__(self, mocks: Mocks) -> None:
        super().__init__(mocks)
        self.requests: list[Any] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name that Pulumi calls
        self.requests.append(request)
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def record(root: Path, stack: str, overrides: dict[str, str]) -> list[dict[str, Any]]:
    """Everything that the program registers as this stack, sorted by type and name."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    mocks = _Azure()
    monitor = _Recorder(mocks)
    pulumi.runtime.set_mocks(mocks, project=_project(root)["name"], stack=stack, preview=False, monitor=monitor)
    pulumi.runtime.set_all_config(config(root, stack, overrides))
    folder = root / "infra"
    sys.path.insert(0, str(folder))

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> None:
        runpy.run_path(str(folder / "__main__.py"), run_name="__main__")

    run()
    rows = [_row(request) for request in monitor.requests if request.type != "pulumi:pulumi:Stack"]
    return sorted(rows, key=lambda row: (row["type"], row["name"]))


def _row(request: Any) -> dict[str, Any]:
    from google.protobuf import json_format  # noqa: PLC0415 - only here

    return {
        "type": request.type,
        "name": request.name,
        "inputs": json_format.MessageToDict(request.object),
        "parent": request.parent.split("::")[-1],
        "protect": request.protect,
        "retain": request.retainOnDelete,
        "ignore_changes": list(request.ignoreChanges),
        "depends_on": sorted({urn.split("::")[-1] for urn in request.dependencies}),
    }


def _project(root: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((root / "Pulumi.yaml").read_text(encoding="utf-8")))


def config(root: Path, stack: str, overrides: dict[str, str]) -> dict[str, str]:
    """As the pulumi command gives it to a program: defaults of Pulumi.yaml, then the stack's file, all as text."""
    project = _project(root)
    file = yaml.safe_load((root / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    values = {key: spec.get("value", spec.get("default")) for key, spec in project["config"].items()}
    values = {_full(project["name"], key): value for key, value in values.items()}
    values |= file["config"] | {_full(project["name"], key): value for key, value in overrides.items()}
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
        if value is not None
    }


def _full(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("stacks", nargs="+")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    changes = dict(text.split("=", 1) for text in arguments.set)
    recorded = {stack: record(arguments.root.resolve(), stack, changes) for stack in arguments.stacks}
    arguments.out.write_text(json.dumps(recorded, indent=1))
