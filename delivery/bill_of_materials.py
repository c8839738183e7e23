"""The bill of materials of the function package, as CycloneDX JSON: what is in it, from the packages' own metadata."""

import json
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

_NAMESPACE: Final = UUID("0d9c3c0e-8f0c-5d43-9f2e-3b1a6c1a7f55")


def bill_of_materials(site: Path, version: str, sha256: str) -> str:
    """The packages in `site`; `version` and `sha256` are the function package's. The same in, the same out."""
    application = Component(
        name="payments-ingest-function",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref="function",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)],
    )
    bom = Bom(serial_number=uuid5(_NAMESPACE, sha256), metadata=BomMetaData(component=application))
    found = list(_components(site))
    bom.components.update(found)
    bom.register_dependency(application, found)
    document = json.loads(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string())
    del document["metadata"]["timestamp"]  # the hash says which package is meant; a time would make the bytes differ
    return json.dumps(document, indent=2) + "\n"


def _components(site: Path) -> Iterator[Component]:
    for distribution in sorted(distributions(path=[str(site)]), key=lambda each: each.name.lower()):
        name = distribution.name.lower().replace("_", "-")
        url = PackageURL("pypi", None, name, distribution.version)
        yield Component(
            name=name,
            version=distribution.version,
            type=ComponentType.LIBRARY,
            bom_ref=url.to_string(),
            purl=url,
            licenses=list(_licences(distribution)),
        )


def _licences(distribution: Distribution) -> Iterator[License]:
    """As the package states it: an expression; or the older free text where it is a name; or its classifiers."""
    metadata = distribution.metadata
    stated = next((metadata[name] for name in ("License-Expression", "License") if name in metadata), "")
    if stated and "\n" not in stated and stated != "UNKNOWN":
        yield LicenseFactory().make_from_string(stated)
        return
    for classifier in metadata.get_all("Classifier") or []:
        if classifier.startswith("License :: "):
            yield LicenseFactory().make_with_name(classifier.rpartition(" :: ")[2])
