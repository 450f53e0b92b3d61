"""What is compiled at an installation is never what an installation fails for."""

from __future__ import annotations

import errno
import importlib.util
import platform
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only compiled for x86_64")
@pytest.mark.parametrize("read_only", [False, True])
def test_without_a_compiler_an_installation_warns_and_goes_on(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    suffix = build.sysconfig.get_config_var("EXT_SUFFIX")
    former = tmp_path / "preservation" / "fixity" / f"_sha2{suffix}"
    former.parent.mkdir(parents=True)
    former.touch()
    if read_only:
        monkeypatch.setattr(Path, "unlink", refused)
    monkeypatch.setenv("CC", str(tmp_path / "absent"))
    warned: list[str] = []
    hook = SimpleNamespace(
        target_name="wheel", root=tmp_path, app=SimpleNamespace(display_warning=warned.append)
    )
    data: dict[str, Any] = {"artifacts": []}

    build.Lanes.initialize(hook, "editable", data)

    assert data == {"artifacts": []}
    assert former.exists() == read_only
    assert "one after the other" in warned[0]
