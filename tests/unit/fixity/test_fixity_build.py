"""What is compiled at an installation is never what an installation fails for."""

from __future__ import annotations

import errno
import importlib.util
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


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("read_only", [False, True])
def test_without_a_compiler_an_installation_warns_and_goes_on(
    build: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read_only: bool,
    machine: str,
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    wanted = ["files/_looks", "fixity/_small", *(["fixity/_sha2"] * (machine == "x86_64"))]
    suffix = build.sysconfig.get_config_var("EXT_SUFFIX")
    former = [tmp_path / "preservation" / f"{name}{suffix}" for name in wanted]
    for each in former:
        each.parent.mkdir(parents=True, exist_ok=True)
        each.touch()
    if read_only:
        monkeypatch.setattr(Path, "unlink", refused)
    monkeypatch.setattr(build.platform, "machine", lambda: machine)
    monkeypatch.setenv("CC", str(tmp_path / "absent"))
    warned: list[str] = []
    hook = SimpleNamespace(
        target_name="wheel", root=tmp_path, app=SimpleNamespace(display_warning=warned.append)
    )
    data: dict[str, Any] = {"artifacts": []}

    build.Native.initialize(hook, "editable", data)

    assert data == {"artifacts": []}
    assert [each.exists() for each in former] == [read_only] * len(wanted)
    assert len(warned) == len(wanted)
    assert all("one after the other" in said for said in warned)
