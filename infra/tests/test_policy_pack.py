"""The pack as the pulumi command starts it: a process that serves its rules, all of them mandatory."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from payments_policies.pack import ALL_RULES

from .recording import ROOT
from .stacks import Stack

_SECONDS = 60


@pytest.fixture(scope="module")
def pack() -> Iterator[Any]:
    folder = ROOT / "infra" / "policies"
    # -u: the library writes the port and flushes nothing, so that whoever starts a pack must run it unbuffered.
    process = subprocess.Popen([sys.executable, "-u", str(folder)], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.kill()
        process.communicate()


def test_the_pack_serves_every_rule_and_all_are_mandatory(pack: Any) -> None:
    info = pack.GetAnalyzerInfo(empty_pb2.Empty(), timeout=_SECONDS)
    assert info.name == "payments-ingest"
    assert {policy.name for policy in info.policies} == {rule.name for rule in ALL_RULES}
    assert {policy.enforcementLevel for policy in info.policies} == {analyzer_pb2.MANDATORY}


def test_the_pack_stops_a_resource_that_breaks_a_rule_and_says_which(pack: Any, prod: Stack) -> None:
    account = prod.one("storage:StorageAccount", "archive-account")
    for changes, broken in (({}, set()), ({"allowSharedKeyAccess": True}, {"storage-has-no-keys"})):
        properties = struct_pb2.Struct()
        properties.update({**account.inputs, **changes})
        urn = f"urn:pulumi:prod::payments-ingest::{account.type}::{account.name}"
        request = analyzer_pb2.AnalyzeRequest(type=account.type, name=account.name, urn=urn, properties=properties)
        found = pack.Analyze(request, timeout=_SECONDS).diagnostics
        assert {diagnostic.policyName for diagnostic in found} == broken
