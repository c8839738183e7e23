"""Builds what is deployed: function.zip and its bill of materials, function.cdx.json. The same commit, the same bytes.

Dependencies are those of services/ingest_function/requirements.txt, hashes checked, as wheels for Linux and the Python
of Azure, whatever machine builds. Our own packages go in as source, beside function_app.py.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from bill_of_materials import bill_of_materials

ROOT: Final = Path(__file__).resolve().parents[1]
FUNCTION: Final = ROOT / "services" / "ingest_function"
SITE_PACKAGES: Final = PurePosixPath(".python_packages/lib/site-packages")  # where the Functions worker looks
PYTHON: Final = "3.12"  # `pythonVersion` of Pulumi.yaml
PLATFORM: Final = "x86_64-manylinux_2_28"

# What belongs to our sources: no tests, no local settings.
_OURS: Final = {
    FUNCTION: ("function_app.py", "host.json", "ingest/**/*.py"),
    ROOT / "packages/core/src": ("payments_core/**/*",),
    ROOT / "packages/storage/src": ("payments_storage/**/*",),
}
# What an installer notes about itself differs from machine to machine; what no function runs only weighs.
_NOT_PACKED: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", ".lock", "__pycache__"}
_NOT_RUN: Final = ("bin", "pyarrow/include", "pyarrow/tests")
_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the first that a zip file knows


def build(folder: Path) -> Path:
    """Writes function.zip and function.cdx.json into the folder; returns the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="function-package-") as temporary:
        site = Path(temporary)
        _install(site)
        files = dict(sorted([*_sources(), *_installed(site)]))
        package = folder / "function.zip"
        _zip(package, files)
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        (folder / "function.cdx.json").write_text(bill_of_materials(site, _version(), digest), encoding="utf-8")
    return package


def _install(site: Path) -> None:
    # uv and not pip: pip judges markers such as python_version < "3.13" by the Python that it runs on.
    uv = shutil.which("uv", path=Path(sys.executable).parent) or "uv"
    subprocess.run(
        [
            uv, "pip", "install", "--quiet", "--target", site, "--python", sys.executable, "--link-mode", "copy",
            "--python-version", PYTHON, "--python-platform", PLATFORM, "--only-binary", ":all:",
            "--no-deps", "--require-hashes", "--requirements", FUNCTION / "requirements.txt",
        ],
        check=True,
    )  # fmt: skip


def _sources() -> Iterator[tuple[str, Path]]:
    for folder, patterns in _OURS.items():
        for pattern in patterns:
            for file in folder.glob(pattern):
                if file.is_file() and not _NOT_PACKED & set(file.parts):
                    yield file.relative_to(folder).as_posix(), file


def _installed(site: Path) -> Iterator[tuple[str, Path]]:
    for file in site.rglob("*"):
        name = file.relative_to(site)
        if file.is_file() and not _NOT_PACKED & set(name.parts) and not any(map(name.is_relative_to, _NOT_RUN)):
            yield (SITE_PACKAGES / name).as_posix(), file


def _zip(package: Path, files: dict[str, Path]) -> None:
    with zipfile.ZipFile(package, "w") as archive:
        for name, file in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 6)


def _version() -> str:
    project = tomllib.loads((ROOT / "packages/storage/pyproject.toml").read_text())["project"]
    return str(project["version"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: python delivery/function_package.py build")
    parser.add_argument("folder", type=Path, help="where function.zip and function.cdx.json go")
    package = build(parser.parse_args().folder)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    print(f"{package}: {package.stat().st_size / 1e6:,.1f} MB, sha256 {digest}")


if __name__ == "__main__":
    main()
