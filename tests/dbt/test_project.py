"""Finding and reading ``dbt_project.yml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_activate.dbt.project import load_env_file, read_project
from dbt_activate.errors import ConfigError


def write_project(folder: Path, text: str = "name: shop\nprofile: shop\n") -> Path:
    """Write a project file and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(text)
    return folder


def test_finds_the_project_in_a_parent_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command works in any folder of the project."""
    write_project(tmp_path)
    deep = tmp_path / "models" / "segments"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert read_project(environment={}).root == tmp_path


def test_the_flag_goes_before_the_environment(tmp_path: Path) -> None:
    """--project-dir wins over DBT_PROJECT_DIR."""
    one = write_project(tmp_path / "one", "name: one")
    two = write_project(tmp_path / "two", "name: two")
    environment = {"DBT_PROJECT_DIR": str(one)}
    assert read_project(environment=environment).name == "one"
    assert read_project(two, environment=environment).name == "two"


def test_says_where_it_looked(tmp_path: Path) -> None:
    """A folder without a project is named."""
    with pytest.raises(ConfigError, match=f"There is no dbt_project.yml in {tmp_path}"):
        read_project(tmp_path, environment={})


@pytest.mark.parametrize(
    ("flag", "environment", "project", "expected"),
    [
        (None, {}, "", "target"),
        (None, {}, "target-path: out", "out"),
        (None, {"DBT_TARGET_PATH": "env"}, "target-path: out", "env"),
        (None, {"DBT_TARGET_PATH": "env", "DBT_ENGINE_TARGET_PATH": "engine"}, "", "engine"),
        ("flag", {"DBT_TARGET_PATH": "env"}, "target-path: out", "flag"),
    ],
)
def test_target_path_has_dbts_order(
    tmp_path: Path, flag: str | None, environment: dict[str, str], project: str, expected: str
) -> None:
    """The flag, then the environment, then the project's file, then ``target``; inside the project."""
    write_project(tmp_path, f"name: shop\n{project}\n")
    found = read_project(tmp_path, target_path=flag, environment=environment)
    assert found.target_path == tmp_path / expected


def test_the_command_lines_variables_win(tmp_path: Path) -> None:
    """--vars overrides the project's own variables, of which those of its package override the rest."""
    write_project(tmp_path, "name: shop\nvars:\n  a: 1\n  b: 1\n  c: 1\n  shop: {b: 2, c: 2}\n")
    found = read_project(tmp_path, cli_vars='{"c": 3}', environment={})
    assert (found.vars["a"], found.vars["b"], found.vars["c"]) == (1, 2, 3)
    assert found.cli_vars == {"c": 3}


def test_reads_vars_yml(tmp_path: Path) -> None:
    """Variables may stand in vars.yml, which the project's file may use."""
    write_project(tmp_path, "name: shop\nprofile: \"{{ var('brand') }}\"\n")
    (tmp_path / "vars.yml").write_text("vars: {brand: acme}\n")
    found = read_project(tmp_path, environment={})
    assert (found.profile_name, found.vars) == ("acme", {"brand": "acme"})


def test_the_profiles_name_may_hold_jinja(tmp_path: Path) -> None:
    """The name of the profile is rendered, as dbt does it."""
    write_project(tmp_path, "name: shop\nprofile: \"{{ env_var('PROFILE_NAME') }}\"\n")
    assert read_project(tmp_path, environment={"PROFILE_NAME": "acme"}).profile_name == "acme"
    with pytest.raises(ConfigError, match=r"^dbt_project\.yml: profile: .* variable PROFILE_NAME"):
        read_project(tmp_path, environment={})


@pytest.mark.parametrize("text", ["name: [", "- a", "profile: shop"])
def test_a_broken_file_is_a_clear_error(tmp_path: Path, text: str) -> None:
    """Broken YAML, a list and a project without a name are errors that name the file."""
    write_project(tmp_path, text)
    with pytest.raises(ConfigError, match=r"^dbt_project\.yml"):
        read_project(tmp_path, environment={})


@pytest.mark.parametrize("given", ["[1]", "text", "{"])
def test_vars_must_be_a_mapping(tmp_path: Path, given: str) -> None:
    """What is no mapping is refused, and --vars is named."""
    write_project(tmp_path)
    with pytest.raises(ConfigError, match=r"^--vars"):
        read_project(tmp_path, cli_vars=given, environment={})


def test_env_file_never_overrides(tmp_path: Path) -> None:
    """Variables of .env are added; what is set stays."""
    (tmp_path / ".env").write_text("ADDED='from file'\nKEPT=file\nNOTHING\n")
    environment = {"KEPT": "shell"}
    load_env_file(tmp_path, environment)
    assert environment == {"ADDED": "from file", "KEPT": "shell"}


def test_no_env_file_is_fine(tmp_path: Path) -> None:
    """A folder without .env changes nothing."""
    environment: dict[str, str] = {}
    load_env_file(tmp_path, environment)
    assert environment == {}
