"""Reading ``destinations.yml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_activate.config.destinations_file import Destinations, read_destinations
from dbt_activate.dbt.project import read_project
from dbt_activate.errors import ConfigError

CRITEO = """\
criteo:
  type: criteo
  targets: [prod]
  client_id: "{{ env_var('CRITEO_CLIENT_ID') }}"
  client_secret: "{{ env_var('CRITEO_CLIENT_SECRET') }}"
  advertiser_id: "{{ env_var('CRITEO_ADVERTISER', '00123') }}"
  defaults: {mapping: {email: email}}
"""
NAME_RULE = "letters, digits, _ and -, beginning with a letter."
ENVIRONMENT = {"CRITEO_CLIENT_ID": "id", "CRITEO_CLIENT_SECRET": "hunter2"}


def read(folder: Path, text: str, environment: dict[str, str] = ENVIRONMENT) -> Destinations:
    """Write the file beside a project and read it with target ``dev``."""
    (folder / "dbt_project.yml").write_text("name: shop\nvars: {brand: acme}\n")
    (folder / "destinations.yml").write_text(text)
    return read_destinations(read_project(folder, environment=environment), "dev")


def problems(folder: Path, text: str, environment: dict[str, str] = ENVIRONMENT) -> list[str]:
    """Return the problems of a file as text."""
    return [str(problem) for problem in read(folder, text, environment).problems]


def test_reads_an_entry(tmp_path: Path) -> None:
    """An entry has its destination's settings, rendered; digits stay text."""
    found = read(tmp_path, CRITEO)
    entry = found.entries["criteo"]
    assert (entry.destination.type_name, entry.targets) == ("criteo", ("prod",))
    assert getattr(entry.settings, "advertiser_id") == "00123"  # noqa: B009  (Criteo's own key)
    assert entry.settings.defaults == entry.defaults == {"mapping": {"email": "email"}}
    assert (found.problems, found.notes) == ((), ())


def test_only_listed_targets_may_push(tmp_path: Path) -> None:
    """A target that is not in the list only plans."""
    entry = read(tmp_path, CRITEO).entries["criteo"]
    assert entry.may_push("prod")
    assert not entry.may_push("dev")


def test_secrets_cannot_be_printed(tmp_path: Path) -> None:
    """Neither the entry nor its settings show a secret."""
    entry = read(tmp_path, CRITEO).entries["criteo"]
    assert "hunter2" not in f"{entry!r} {entry.settings!r} {entry.settings}"


def test_renders_variables_and_the_target(tmp_path: Path) -> None:
    """var() finds the project's variables, and target.name is the target's."""
    text = CRITEO.replace("{mapping: {email: email}}", "{name: \"{{ var('brand') }}-{{ target.name }}\"}")
    assert read(tmp_path, text).entries["criteo"].defaults == {"name": "acme-dev"}


def test_a_missing_variable_stops_only_the_opening(tmp_path: Path) -> None:
    """Without its credentials an entry can be read and compared; its settings name what is missing."""
    found = read(tmp_path, CRITEO, {})
    entry = found.entries["criteo"]
    assert (found.problems, entry.targets) == ((), ("prod",))
    assert entry.account() == read(tmp_path, CRITEO).entries["criteo"].account()
    with pytest.raises(ConfigError) as caught:
        _ = entry.settings
    assert str(caught.value).splitlines()[0] == (
        "destinations.yml:4: destination criteo: client_id: the environment variable CRITEO_CLIENT_ID is not "
        "set. Set it, or give a default: env_var('CRITEO_CLIENT_ID', '…')."
    )
    assert len(caught.value.problems) == 2


def test_a_missing_variable_does_not_hide_a_problem(tmp_path: Path) -> None:
    """The structure is checked without the variables, and a value that needs one is not."""
    text = CRITEO.replace(", '00123'", "").replace("targets:", "targtes:")
    missing, misspelt = problems(tmp_path, text, {})
    assert missing.startswith("destinations.yml:1: destination criteo: targets: is required. List the dbt")
    assert misspelt.startswith("destinations.yml:3: destination criteo: targtes: is not a key")
    assert misspelt.endswith("Did you mean 'targets'?")
    entry = read(tmp_path, CRITEO.replace(", '00123'", ""), {}).entries["criteo"]
    assert (entry.outline, entry.account()) == (None, ("entry", "criteo"))


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Every entry is checked, and each problem has its line."""
    text = """\
one: {type: criteoo, targets: []}
two: {targets: []}
three: text
4four: {type: criteo, targets: [], client_id: a, client_secret: "{{ env_var('A') }}", advertiser_id: "1"}
five:
  type: criteo
  targets: prod
  client_id: 5
  timeout_seconds: 5
  client_secret: "{{ env_var('CRITEO_CLIENT_SECRET') "
  advertiser_id: "73550"
"""
    assert [line.partition(". ")[0] for line in problems(tmp_path, text)] == [
        "destinations.yml:1: destination one: type: There is no destination type 'criteoo'",
        "destinations.yml:2: destination two: type: is required: it says which tool this is",
        "destinations.yml:3: destination three: must be a mapping of keys to values",
        f"destinations.yml:4: destination 4four: is no name: {NAME_RULE}",
        "destinations.yml:10: destination five: client_secret: is not valid Jinja",
        "destinations.yml:7: destination five: targets: must be a list",
        "destinations.yml:8: destination five: client_id: must be text",
    ]


def test_a_broken_entry_is_known_but_not_usable(tmp_path: Path) -> None:
    """An entry with a problem is named, so that its users are not told that there is none."""
    found = read(tmp_path, f"{CRITEO}other: {{type: criteo}}\n")
    assert (set(found.entries), found.names) == ({"criteo"}, ("criteo", "other"))


def test_a_secret_in_clear_is_noted(tmp_path: Path) -> None:
    """A secret that stands in the file itself is warned about, without its value."""
    text = CRITEO.replace("\"{{ env_var('CRITEO_CLIENT_SECRET') }}\"", "hunter2")
    (note,) = read(tmp_path, text).notes
    assert str(note) == (
        "destinations.yml:5: destination criteo: client_secret: is a secret in clear. "
        "Write \"{{ env_var('CRITEO_CLIENT_SECRET') }}\" instead."
    )


def test_a_key_that_stands_twice_is_a_problem(tmp_path: Path) -> None:
    """YAML readers take the last of two keys; we take neither."""
    found = read(tmp_path, f"{CRITEO}  targets: [dev]\n{CRITEO}").problems
    assert [(problem.file, problem.key) for problem in found] == [
        ("destinations.yml:8", "targets"),
        ("destinations.yml:9", ""),
    ]
    assert all(problem.message.startswith("stands twice") for problem in found)


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    """A project without the file is sent to init."""
    (tmp_path / "dbt_project.yml").write_text("name: shop")
    with pytest.raises(ConfigError, match=r"^destinations\.yml: is not there\. Run `dbt-activate init`"):
        read_destinations(read_project(tmp_path, environment={}))


def test_an_empty_file_has_no_destinations(tmp_path: Path) -> None:
    """A file of comments is no error by itself."""
    assert read(tmp_path, "# nothing yet\n") == Destinations({}, ())


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", "a: &a\n  b: *a\n", "a: {{ b }}\n"])
def test_what_is_no_mapping_is_a_clear_error(tmp_path: Path, text: str) -> None:
    """Broken YAML, a list and an alias to itself are errors that name the file."""
    with pytest.raises(ConfigError, match=r"^destinations\.yml"):
        read(tmp_path, text)
