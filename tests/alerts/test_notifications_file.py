"""``notifications.yml``: what is read from it, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_activate.config.notifications_file import Notifications, read_notifications
from dbt_activate.config.watches import Severity
from dbt_activate.dbt.project import DbtProject
from dbt_activate.errors import ConfigError
from tests.shop import Shop

SECRET = "T0K3N-s3cret"


def read(folder: Path, text: str | None, **environment: str) -> Notifications:
    """Read a file of this content."""
    if text is not None:
        (folder / "notifications.yml").write_text(text)
    project = DbtProject(folder, "shop", None, folder / "target", environment=environment)
    return read_notifications(project, "prod", ("criteo", "emarsys"))


def test_a_project_need_not_have_one(tmp_path: Path) -> None:
    """Then nobody is told."""
    assert read(tmp_path, None) == Notifications()
    assert read(tmp_path, "") == Notifications()


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    """And are in no representation of what was read."""
    text = "team: {type: slack, url: \"https://hooks.test/{{ env_var('HOOK') }}\"}"
    found = read(tmp_path, text, HOOK=SECRET)
    settings = found.channels["team"].settings
    assert settings is not None
    assert settings.url.get_secret_value() == f"https://hooks.test/{SECRET}"
    assert SECRET not in repr(found) + str(settings)
    found = read(tmp_path, "pager: {type: command, command: [page, \"{{ env_var('KEY') }}\"]}", KEY=SECRET)
    assert found.channels["pager"].settings is not None
    assert SECRET not in repr(found) + str(found.channels["pager"].settings)


def test_a_missing_variable_is_no_problem_of_the_file(tmp_path: Path) -> None:
    """It is noted, and what goes there is known all the same."""
    text = "team: {type: slack, level: error, url: \"{{ env_var('HOOK') }}\"}"
    found = read(tmp_path, text)
    [missing] = found.channels["team"].missing
    assert "environment variable HOOK is not set" in str(missing)
    assert found.problems == ()
    assert found.channels["team"].settings is None
    assert not found.channels["team"].takes(Severity.WARN, "criteo", "prod")


@pytest.mark.parametrize(
    ("scope", "level", "destination", "target", "takes"),
    [
        ("", "warn", "criteo", "prod", True),
        ("", "error", "criteo", "prod", True),
        ("level: error", "warn", "criteo", "prod", False),
        ("level: error", "error", "criteo", "prod", True),
        ("destinations: [emarsys]", "error", "criteo", "prod", False),
        ("destinations: [emarsys]", "error", "emarsys", "prod", True),
        ("targets: [prod]", "warn", "criteo", "staging", False),
        ("targets: [prod]", "warn", "criteo", "prod", True),
    ],
)
def test_what_goes_where(
    tmp_path: Path, scope: str, level: str, destination: str, target: str, takes: bool
) -> None:
    """By level, by destination, and by target."""
    found = read(tmp_path, f"team: {{type: command, command: [x], {scope}}}")
    assert found.channels["team"].takes(Severity(level), destination, target) is takes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- team", "notifications.yml: must be a mapping of names to channels."),
        ("team: 5", "notifications.yml:1: channel team: type: is required"),
        ("team: {type: slak}", "type: is no kind of channel that is known. Did you mean 'slack'?"),
        ("team: {type: slack}", "channel team: url: is required."),
        (f"team: {{type: slack, url: {SECRET}}}", "url: is no URL; it begins with https:// and a host."),
        (f"team: {{type: slack, url: 'http://x.test:{SECRET}'}}", "url: is no URL"),
        ("team: {type: command, command: []}", "command: "),
        ("team: {type: command, command: ls}", "command: must be a list. Write [a, b]."),
        (
            "team: {type: command, comand: [ls]}",
            "comand: is not a key that is known here. Did you mean 'command'?",
        ),
        ("team: {type: command, command: [ls], level: loud}", "level: must be 'warn' or 'error'."),
        ("team: {type: command, command: [ls], timeout_seconds: 600}", "timeout_seconds: must be less"),
        (
            "team: {type: command, command: [ls], destinations: [crito]}",
            "there is no 'crito' in destinations.yml.",
        ),
        ("team: {type: email, host: h, sender: a, to: [a@b.test]}", "sender: is no e-mail address"),
        ("team: {type: email, host: h, sender: a@b.test, to: ['a@b.test, c@d.test']}", "to.0: is no e-mail"),
        ("team: {type: email, host: h, sender: a@b.test, to: []}", "to: "),
        ("'a,b': {type: command, command: [ls]}", "is no name: it must be without commas."),
        ("'': {type: command, command: [ls]}", "is no name: it is empty."),
        ("team: {type: slack, url: \"{{ env_vra('X') }}\"}", "uses a name that is not known here"),
        ("team: {type: command, command: [ls]}\nteam: {type: command, command: [ls]}", "stands twice"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    """With file, line, channel and key, and without the value."""
    problems = "\n".join(map(str, read(tmp_path, text).problems))
    assert message in problems
    assert SECRET not in problems


def test_what_is_no_yaml_is_an_error(tmp_path: Path) -> None:
    """Where it is broken is said."""
    with pytest.raises(ConfigError, match=r"notifications\.yml:2: is not valid YAML"):
        read(tmp_path, "team: [")


def test_validate_reports_it(shop: Shop) -> None:
    """What is wrong is an error, and a secret in clear or a variable that is not set deserves a look."""
    path = shop.root / "notifications.yml"
    path.write_text("team: {type: slak}")
    refused = shop.activate("validate")
    assert (refused.exit_code, "Did you mean 'slack'?" in refused.output) == (1, True)
    path.write_text(f"team: {{type: slack, url: 'https://hooks.test/{SECRET}'}}")
    noted = shop.activate("validate")
    assert (noted.exit_code, "url: is a secret in clear" in noted.output) == (0, True)
    assert SECRET not in noted.output
    path.write_text("team: {type: slack, url: \"{{ env_var('HOOK') }}\"}")
    noted = shop.activate("validate")
    assert (noted.exit_code, "variable HOOK is not set" in noted.output) == (0, True)
