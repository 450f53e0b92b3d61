"""A sidecar speaks of its own version's objects, and of nothing elsewhere."""

from __future__ import annotations

import json

import pytest
from tiers import sidecar

from preservation.errors import MalformedError
from preservation.model.replica import Packaging, Sidecar

DOCUMENT = sidecar(Packaging.TAR).to_json()


@pytest.mark.parametrize("name", ["v1.tar", "v1.r1.tar", "v1.r999999.tar"])
def test_a_writers_names_are_read(name: str) -> None:
    said = DOCUMENT | {"object": name, "replaced": [["stamp", "v1.tar"]]}
    assert Sidecar.decode(json.dumps(said).encode()).object == name


@pytest.mark.parametrize(
    "name", ["v2.tar", "v11.tar", "../v1.tar", "v1.tar\n", "v1.r0.tar", "v1.seal.json", 1, None]
)
@pytest.mark.parametrize("where", ["object", "replaced"])
def test_other_names_are_refused(name: object, where: str) -> None:
    said = DOCUMENT | {where: name if where == "object" else [["stamp", name]]}
    with pytest.raises(MalformedError):
        Sidecar.decode(json.dumps(said).encode())
