"""Resolving the target in ``profiles.yml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_activate.dbt.profiles import resolve_target
from dbt_activate.dbt.project import DbtProject, read_project
from dbt_activate.errors import ConfigError

PROFILES = """\
shop:
  target: "{{ env_var('SHOP_TARGET', 'dev') }}"
  outputs:
    dev:
      type: duckdb
      path: dev.duckdb
      threads: 4
    prod:
      type: postgres
      host: db.example.com
      password: "{{ env_var('SHOP_PASSWORD') }}"
      user: "{{ env_var('SHOP_USER') }}"
other:
  outputs:
    default: {type: duckdb}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a profile; the working directory is elsewhere and the home folder empty."""
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text(PROFILES)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def project_of(folder: Path, **environment: str) -> DbtProject:
    """Read the project with an environment."""
    return read_project(folder, environment=environment)


def test_renders_the_default_target(folder: Path) -> None:
    """The profile's own target is taken, its threads and type apart from the rest."""
    target = resolve_target(project_of(folder), folder)
    assert (target.profile_name, target.name, target.type, target.threads) == ("shop", "dev", "duckdb", 4)
    assert target.output == {"path": "dev.duckdb"}
    assert target.project_dir == folder


def test_only_the_wanted_output_is_rendered(folder: Path) -> None:
    """A variable that only another output needs may be missing."""
    assert resolve_target(project_of(folder), folder, target="dev").name == "dev"
    prod = resolve_target(project_of(folder, SHOP_PASSWORD="00123", SHOP_USER="u"), folder, target="prod")
    assert prod.output["password"] == "00123"


def test_no_secret_in_a_repr(folder: Path) -> None:
    """A target cannot be printed with its password."""
    prod = resolve_target(project_of(folder, SHOP_PASSWORD="hunter2", SHOP_USER="u"), folder, target="prod")
    assert "hunter2" not in repr(prod)


@pytest.mark.parametrize(
    ("environment", "profile", "target", "expected"),
    [
        ({"SHOP_TARGET": "prod"}, None, None, ("shop", "prod")),
        ({"DBT_TARGET": "prod"}, None, None, ("shop", "prod")),
        ({"DBT_TARGET": "prod"}, None, "dev", ("shop", "dev")),
        ({"DBT_PROFILE": "other"}, None, None, ("other", "default")),
        ({"DBT_PROFILE": "other"}, "shop", None, ("shop", "dev")),
    ],
)
def test_flags_go_before_the_environment(
    folder: Path,
    environment: dict[str, str],
    profile: str | None,
    target: str | None,
    expected: tuple[str, str],
) -> None:
    """A flag wins over DBT_PROFILE and DBT_TARGET, and those over the files."""
    project = project_of(folder, SHOP_PASSWORD="p", SHOP_USER="u", **environment)
    found = resolve_target(project, folder, profile, target)
    assert (found.profile_name, found.name) == expected


def test_looks_for_the_file_in_dbts_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag's folder, then DBT_PROFILES_DIR's, then the working directory, then ~/.dbt."""
    homes = {name: folder / name for name in ("flag", "variable", "elsewhere", "home/.dbt")}
    for name, home in homes.items():
        home.mkdir(parents=True, exist_ok=True)
        (home / "profiles.yml").write_text(f"shop: {{outputs: {{default: {{type: '{name}'}}}}}}")
    variable = project_of(folder, DBT_PROFILES_DIR=str(homes["variable"]))
    assert resolve_target(variable, homes["flag"]).type == "flag"
    assert resolve_target(variable).type == "variable"
    assert resolve_target(project_of(folder)).type == "elsewhere"
    (homes["elsewhere"] / "profiles.yml").unlink()
    assert resolve_target(project_of(folder)).type == "home/.dbt"


def test_says_where_it_looked(folder: Path) -> None:
    """Both folders are named where there is no file."""
    with pytest.raises(
        ConfigError, match=r"no profiles\.yml in .*elsewhere nor in .*\.dbt\. Use --profiles-dir"
    ):
        resolve_target(project_of(folder))


@pytest.mark.parametrize(
    ("profile", "target", "message"),
    [
        ("shpo", None, "profiles.yml: has no profile 'shpo'. Did you mean 'shop'?"),
        ("shop", "prd", "profiles.yml:3: shop.outputs: has no target 'prd'. Did you mean 'prod'?"),
        ("shop", "xyz", "profiles.yml:3: shop.outputs: has no target 'xyz'. Known: dev, prod."),
    ],
)
def test_unknown_names_are_told_which_there_are(
    folder: Path, profile: str, target: str | None, message: str
) -> None:
    """An unknown profile or target is answered with the nearest, or with all."""
    with pytest.raises(ConfigError) as caught:
        resolve_target(project_of(folder), folder, profile, target)
    assert str(caught.value) == message


def test_all_missing_variables_are_named_with_their_lines(folder: Path) -> None:
    """Every variable that is not set is named at once, each with its line and key."""
    with pytest.raises(ConfigError) as caught:
        resolve_target(project_of(folder), folder, target="prod")
    assert [(problem.file, problem.key) for problem in caught.value.problems] == [
        ("profiles.yml:11", "shop.outputs.prod.password"),
        ("profiles.yml:12", "shop.outputs.prod.user"),
    ]
    assert "SHOP_PASSWORD" in caught.value.problems[0].message


@pytest.mark.parametrize(
    "text",
    [
        "shop:\n  outputs: {dev: {type: duckdb, password: !hunter2 x}}\n",
        "shop:\n  outputs: {dev: {type: duckdb, password: *hunter2}}\n",
        "shop:\n  outputs: {dev: {type: duckdb, password: 'hunter2\n",
        "shop:\n  outputs: {dev: {type: duckdb, password: {{hunter2}}}}\n",
        "shop:\n  outputs: {dev: {type: duckdb, password: 2024-13-45}}\n",
    ],
)
def test_broken_yaml_is_reported_without_its_content(folder: Path, text: str) -> None:
    """Broken YAML is named with its file, and what was read stays unsaid."""
    (folder / "profiles.yml").write_text(text)
    with pytest.raises(ConfigError, match=r"^profiles\.yml(:\d)?: is not valid YAML") as caught:
        resolve_target(project_of(folder), folder)
    assert "hunter2" not in str(caught.value)
    assert "2024-13" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "shop: 1", "shop: {}", "shop: {outputs: {default: {}}}"])
def test_an_incomplete_profile_is_a_clear_error(folder: Path, text: str) -> None:
    """A file, profile or output that lacks what is needed is named."""
    (folder / "profiles.yml").write_text(text)
    with pytest.raises(ConfigError, match=r"^profiles\.yml"):
        resolve_target(project_of(folder), folder)


def test_threads_must_be_a_number(folder: Path) -> None:
    """A number of threads that is none is named with its key."""
    (folder / "profiles.yml").write_text("shop: {outputs: {default: {type: duckdb, threads: many}}}")
    with pytest.raises(ConfigError, match=r"shop\.outputs\.default\.threads: must be a whole number"):
        resolve_target(project_of(folder), folder)
