"""The structure: who may import whom, what is public, and how modules are named."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dbt_activate

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "dbt_activate").rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "core"}


def parsed(module: Path) -> ast.Module:
    """Parse a module."""
    return ast.parse(module.read_text())


def imported(module: Path) -> set[str]:
    """Return the top-level packages that a module imports, anywhere in it."""
    names = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_imports_keep_to_the_layers() -> None:
    """The contracts in pyproject.toml hold: layers, no circles, and every module has its place."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("apprise", "alerts/services.py"),
        ("click", "cli/"),
        ("dbt", "warehouses/dbt_adapter.py"),
        ("duckdb", "warehouses/"),
        ("requests", "http/wire.py"),
        ("starlette", "sandbox/"),
    ],
)
def test_a_library_has_one_place(package: str, allowed: str) -> None:
    """What could be replaced one day is imported in one place."""
    users = [
        path.relative_to(ROOT / "dbt_activate").as_posix() for path in MODULES if package in imported(path)
    ]
    assert users
    assert [user for user in users if not user.startswith(allowed)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_is_one_idea(module: Path) -> None:
    """It says in its first line what it is, and its name is a noun that means something."""
    assert ast.get_docstring(parsed(module))
    assert module.stem not in VAGUE


def test_public_names_are_there_and_sorted() -> None:
    """What the package promises can be imported from it."""
    assert sorted(dbt_activate.__all__) == list(dbt_activate.__all__)
    assert all(getattr(dbt_activate, name) is not None for name in dbt_activate.__all__)


def test_the_package_does_not_know_where_it_was_written() -> None:
    """No file names a path of the machine it was written on."""
    paths = [path for path in (ROOT, Path.home()) if path != path.parent]  # not "/", which is in every URL
    places = [argument for path in paths for argument in ("-e", f"{path}/")]
    command = ["git", "grep", "-nIF", *places, "--", "."]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout == ""
