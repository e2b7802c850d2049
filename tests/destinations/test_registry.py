"""Destinations are found by the entry points of installed packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dbt_activate.destinations import destination_types, load_destination
from dbt_activate.destinations.criteo import Criteo
from dbt_activate.errors import ConfigError

GOOD = """
from dbt_activate.destination import Destination

class Acme(Destination):
    type_name = "acme"
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """Install packages that declare destinations."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return Plugin(tmp_path)


class Plugin:
    """A folder of packages, as an installer lays it out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, package: str, name: str, code: str) -> None:
        """Install a package with one module, that declares one destination called Acme."""
        module = package.replace("-", "_")
        (self.folder / f"{module}.py").write_text(code)
        information = self.folder / f"{module}-1.2.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (information / "entry_points.txt").write_text(
            f"[dbt_activate.destinations]\n{name} = {module}:Acme\n"
        )


def test_ours_come_through_the_same_door() -> None:
    """Criteo is an entry point like any other."""
    assert "criteo" in destination_types()
    assert load_destination("criteo") is Criteo


def test_a_destination_of_another_package(install: Plugin) -> None:
    """What is installed can be used, beside ours."""
    install("registry-good", "acme", GOOD)
    assert list(destination_types()) == sorted({*destination_types(), "acme"})
    assert load_destination("acme").type_name == "acme"


def test_a_type_that_nobody_declares() -> None:
    """The message suggests the nearest, and lists what there is."""
    with pytest.raises(
        ConfigError, match=r"no destination type 'critoe'\. Did you mean 'criteo'\? Installed: .*criteo"
    ):
        load_destination("critoe")
    with pytest.raises(ConfigError, match=r"no destination type 'xyz'\. Installed:"):
        load_destination("xyz")


@pytest.mark.parametrize(
    ("package", "code", "reason"),
    [
        ("registry-raises", "raise RuntimeError('no luck')", "RuntimeError: no luck"),
        ("registry-lacks", "", "has no attribute 'Acme'"),
        ("registry-imports", "import nobody_has_this", "No module named 'nobody_has_this'"),
        ("registry-object", "Acme = 1", "is not a subclass of Destination"),
        ("registry-name", GOOD.replace('"acme"', '"akme"'), "its type_name is 'akme'"),
    ],
)
def test_a_package_that_is_broken(install: Plugin, package: str, code: str, reason: str) -> None:
    """The message names the package and its version, and what is wrong with it; others still load."""
    install(package, "acme", code)
    with pytest.raises(ConfigError, match=rf"'acme' of the package {package} 1\.2 cannot .*{reason}"):
        load_destination("acme")
    assert load_destination("criteo") is Criteo


def test_two_packages_with_one_name(install: Plugin) -> None:
    """Nobody can take a name that is taken: both packages are named."""
    install("registry-thief", "criteo", GOOD)
    with pytest.raises(ConfigError, match=r"registry-thief 1\.2.*Uninstall one"):
        load_destination("criteo")


def test_a_command_that_sends_nothing_waits_for_no_import() -> None:
    """Neither the registry nor the class of a destination imports what only sending needs."""
    code = (
        "import sys; from dbt_activate.destinations import load_destination; load_destination('criteo');"
        "print(sorted({'requests', 'tenacity', 'polars', 'duckdb', 'dbt', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
