"""The example of a third-party destination is a package: installed, listed, and true to the promises."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

EXAMPLE = ROOT / "docs" / "example-destination"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment in which the example is installed, from its folder, without the network."""
    target = tmp_path_factory.mktemp("installed")
    install = [
        BIN / "uv",
        "pip",
        "install",
        "--offline",
        "--no-cache",
        "--no-deps",
        "--python",
        sys.executable,
    ]
    subprocess.run([*install, "--quiet", "--target", target, EXAMPLE], check=True)
    return {**os.environ, "PYTHONPATH": str(target)}


def run(environment: Mapping[str, str], folder: Path, *command: str | Path) -> str:
    """Run a command in a folder, and return what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_an_installed_destination_is_listed(environment: Mapping[str, str], tmp_path: Path) -> None:
    """It stands among ours, with its label, its identifiers and its package."""
    listed = run(environment, tmp_path, BIN / "dbt-activate", "list", "--destinations")
    (line,) = (line for line in listed.splitlines() if line.startswith("acme "))
    assert line.split() == ["acme", "Acme", "email,", "customer_id", "dbt-activate-acme", "0.1.0"]
    assert any(line.startswith("criteo ") for line in listed.splitlines())


@pytest.mark.long
def test_the_example_keeps_the_promises(environment: Mapping[str, str], tmp_path: Path) -> None:
    """Its own tests pass where it is installed, with every warning an error."""
    tests = EXAMPLE / "tests" / "test_conformance.py"
    options = ("-q", "-p", "no:cacheprovider", "-W", "error", f"--rootdir={tmp_path}", f"-c{os.devnull}")
    printed = run(environment, tmp_path, sys.executable, "-m", "pytest", *options, tests)
    assert " passed" in printed
