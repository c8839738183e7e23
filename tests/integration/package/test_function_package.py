"""The function package: the same bytes each time, complete, and at work where there is nothing but itself."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.integration.books import Books
from tests.integration.events import NOT_JSON, bodies, messages
from tests.integration.system import System

from function_package import PYTHON, build

if TYPE_CHECKING:
    from conftest import ArchiveContainer, Database

pytestmark = pytest.mark.xdist_group("function_package")
ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).with_name("worker.py")
SITE = ".python_packages/lib/site-packages/"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def python() -> str:
    """A Python of the version that Azure runs the function on."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{PYTHON}.*/bin/python"))
    for name in (sys.executable, f"python{PYTHON}", *kept):
        found = shutil.which(str(name))
        if found and _version(found) == PYTHON:
            return found
    pytest.skip(f"The package is for Python {PYTHON}, and there is none: put python{PYTHON} on the PATH.")


def _version(program: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([program, "-c", code], check=False, capture_output=True, text=True).stdout.strip()


def test_it_is_the_same_byte_for_byte_when_it_is_built_again(package: Path, tmp_path: Path) -> None:
    build(tmp_path)
    for name in ("function.zip", "function.cdx.json"):
        assert (tmp_path / name).read_bytes() == package.with_name(name).read_bytes(), name


def test_it_holds_our_sources_and_no_tests_and_no_settings_of_a_developer(package: Path) -> None:
    names = [name for name in zipfile.ZipFile(package).namelist() if not name.startswith(SITE)]
    assert {"function_app.py", "host.json", "ingest/wiring.py", "payments_core/metrics.toml"} <= {*names}
    assert "payments_storage/queries/ingest.sql" in names
    assert [name for name in names if re.search(r"test|local\.settings|\.pyc$|requirements|README", name)] == []


def test_the_bill_of_materials_lists_what_is_in_it_and_is_of_this_package(package: Path) -> None:
    """What is installed is what is pinned: every requirement that holds for Linux and the function's Python."""
    text = package.with_name("function.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill: dict[str, Any] = json.loads(text)
    listed = {part["purl"] for part in bill["components"]}
    metadata = [name for name in zipfile.ZipFile(package).namelist() if name.endswith(".dist-info/METADATA")]
    assert len(listed) == len(metadata) > 20
    pins = (ROOT / "services/ingest_function/requirements.txt").read_text()
    found = re.findall(r"^([a-z0-9-]+)==([^ ]+)", pins, re.MULTILINE)
    pinned = {f"pkg:pypi/{name}@{version}" for name, version in found}
    assert listed <= pinned
    assert {purl.split("@")[0] for purl in pinned - listed} == {"pkg:pypi/azure-functions", "pkg:pypi/tzdata"}
    (digest,) = bill["metadata"]["component"]["hashes"]
    assert digest["content"] == hashlib.sha256(package.read_bytes()).hexdigest()
    assert [part["name"] for part in bill["components"] if not part.get("licenses")] == []


@pytest.fixture
def environment(database: "Database", archive_container: "ArchiveContainer") -> dict[str, str]:
    return {
        "POSTGRES_DSN": database.dsn,
        "POSTGRES_AUTH": "password",
        "ARCHIVE_CONNECTION_STRING": archive_container.connection_string,
        "ARCHIVE_CONTAINER": archive_container.name,
        "DEAD_LETTER_CONTAINER": archive_container.dead_letters,
        **{name: value for name, value in os.environ.items() if name.lower() == "no_proxy"},
    }


@pytest.mark.skipif(sysconfig.get_platform() != "linux-x86_64", reason="the package's libraries are for Linux, x86-64")
def test_a_batch_reaches_every_table_from_the_package_alone(
    package: Path, python: str, environment: dict[str, str], system: System, tmp_path: Path
) -> None:
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path / "wwwroot")
    done = subprocess.run(
        [python, "-I", "-S", "-B", WORKER, tmp_path / "wwwroot", ROOT],
        env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    source = (ROOT / "services/ingest_function/function_app.py").read_text()
    declared = re.findall(r'@app\.function_name\("(\w+)"\)', source)
    assert found["functions"] == sorted(declared)
    elsewhere = [origin for origin in found["origins"] if not origin.startswith(str(tmp_path / "wwwroot"))]
    assert [
        origin for origin in elsewhere if "site-packages" in origin or origin.startswith(str(ROOT / "packages"))
    ] == []
    books = Books()
    books.deliver(messages([*bodies(range(50)), (b"{", NOT_JSON)]))
    assert system.state() == books.state()
