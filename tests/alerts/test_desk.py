"""What people are told after a sync: each change once, in order, and never at the cost of the sync."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dbt_activate import ActivateError, Project
from dbt_activate.config.watches import Kind, Severity
from tests.alerts.post_office import Letterbox
from tests.shop import VIPS, Shop

BY_EMAIL = {"destination": "criteo", "mapping": {"email": "email"}}
SECRET = "T0K3N-s3cret"
NEWCOMERS = [f"new{number}@shop.test" for number in range(1, 11)]


def tell(shop: Shop, **channels: dict[str, object]) -> None:
    """Write ``notifications.yml``."""
    (shop.root / "notifications.yml").write_text(yaml.safe_dump(channels))


@pytest.fixture
def team(shop: Shop, web: Letterbox) -> Letterbox:
    """A channel that hears of everything."""
    tell(shop, team={"type": "slack", "url": f"{web.url}/services/{SECRET}"})
    return web


def heard(box: Letterbox) -> list[str]:
    """Return what a channel was told, line by line without the times, and forget it."""
    lines = [line.rpartition(" (")[0] for text in box.texts for line in text.splitlines()[1:]]
    box.letters.clear()
    return lines


def warnings_of(shop: Shop, key: str = "criteo.newcomers") -> list[tuple[str, str]]:
    """Return which warnings of an activation stand, and how urgent they are, as the artifact says it."""
    [result] = [one for one in shop.artifact()["results"] if one["activation"] == key]
    return [(one["warning"], one["level"]) for one in result["warnings"]]


def test_a_change_is_told_once_and_its_end_too(shop: Shop, team: Letterbox) -> None:
    """Held twice, it is told of once; then that it is over; then nothing."""
    told = []
    for status in ("success", "error", "error", "success", "success"):
        shop.rebuild(newcomers=status)
        assert shop.activate("sync").exit_code == 0
        told.append(heard(team))
    assert told == [
        [],
        ["WARN criteo.newcomers: held: its model failed"],
        [],
        ["RECOVERED criteo.newcomers: held: nothing holds it"],
        [],
    ]


def test_what_stands_is_in_artifact_and_log(shop: Shop) -> None:
    """At every run, with a level, a figure and since when; channels or not."""
    shop.configure("newcomers", {**BY_EMAIL, "warnings": {"size_change": 0.5}})
    shop.activate("sync")
    shop.hold("newcomers", [f"new{number}@shop.test" for number in range(1, 5)])
    first = shop.activate("sync", "--log-format", "json", "--allow-mass-removal")
    [line] = [
        one
        for one in map(json.loads, first.output.splitlines())
        if one["info"]["name"] == "ActivationWarning"
    ]
    assert (line["info"]["level"], line["data"]["warning"], line["data"]["figure"]) == (
        "warn",
        "size_change",
        0.6,
    )
    since = shop.artifact()["results"][0]["warnings"][0]["since"]
    shop.rebuild()
    shop.query("update prod_activate.runs set members = 10 where activation = 'newcomers'")
    second = shop.activate("sync", "--select", "newcomers")
    assert "criteo.newcomers: warn size_change: 4 members, 60.0% fewer than" in second.output
    assert "PASS=0 WARN=1 ERROR=0 SKIP=0" in second.output
    assert shop.artifact()["results"][0]["warnings"][0]["since"] == since


def test_an_error_makes_the_exit_code_one(shop: Shop) -> None:
    """Though the sync itself went well, or was not even begun."""
    shop.configure("newcomers", {**BY_EMAIL, "warnings": {"held": "error"}})
    shop.rebuild(newcomers="error")
    result = shop.activate("sync")
    assert (result.exit_code, "ERROR=1 SKIP=0" in result.output) == (1, True)
    shop.configure("newcomers", {**BY_EMAIL, "warnings": {"empty": "error"}, "guards": {"allow_empty": True}})
    shop.hold("newcomers", [])
    result = shop.activate("sync")
    assert (result.exit_code, "empty: 0 members" in result.output) == (1, True)
    assert warnings_of(shop) == [("empty", "error")]


def test_a_failed_sync_is_told_with_its_reason(shop: Shop, team: Letterbox) -> None:
    """In words that hold no identifier; and a guard by its own name."""
    shop.activate("sync")
    shop.hold("newcomers", [])
    assert shop.activate("sync").exit_code == 1
    [line] = heard(team)
    assert line.startswith(
        "ERROR criteo.newcomers: guard: a guard stopped it: the segment has no valid member"
    )
    shop.hold("newcomers", NEWCOMERS)
    shop.query("drop table prod.vip_customers")
    assert shop.activate("sync").exit_code == 1
    recovered, failed = heard(team)
    assert recovered == "RECOVERED criteo.newcomers: guard: no guard stopped it"
    assert failed.startswith("ERROR criteo.vip_customers: failed: the sync failed: ")


def test_settings_of_every_layer(shop: Shop) -> None:
    """A destination, a folder and an activation each set a part."""
    shop.rewrite("destinations.yml", lambda text: f"{text}    warnings: {{held: error, size_change: 0.1}}\n")
    shop.configure("newcomers", {**BY_EMAIL, "warnings": {"size_change": {"level": "error"}}})
    shop.activate("sync")
    shop.hold("newcomers", ["new1@shop.test"])
    assert shop.activate("sync", "--allow-mass-removal").exit_code == 1
    assert warnings_of(shop) == [("size_change", "error")]
    shop.configure("newcomers", {**BY_EMAIL, "warnings": {"held": "warn"}})
    shop.rebuild(newcomers="error")
    assert shop.activate("sync").exit_code == 0
    assert warnings_of(shop) == [("held", "warn")]


def test_what_a_channel_missed_it_hears_first(shop: Shop, team: Letterbox) -> None:
    """In order and without repeating anything; the sync goes as if nothing were wrong."""
    team.status = 503
    for status in ("error", "success", "error"):
        shop.rebuild(newcomers=status)
        result = shop.activate("sync")
        assert result.exit_code == 0
        assert "Channel team was not notified" in result.output
        assert SECRET not in result.output
    assert len(shop.audience()["email"]) == len(VIPS)
    assert heard(team) == []
    team.status = 200
    shop.activate("sync")
    assert [line.split(":")[0] for line in heard(team)] == [
        "WARN criteo.newcomers",
        "RECOVERED criteo.newcomers",
        "WARN criteo.newcomers",
    ]
    shop.activate("sync")
    assert heard(team) == []


def test_one_channel_is_told_what_another_missed(shop: Shop, web: Letterbox) -> None:
    """Each has its own backlog."""
    command = ["sh", "-c", "cat >> told.txt; test -e open"]
    tell(shop, team={"type": "slack", "url": web.url}, desk={"type": "command", "command": command})
    shop.rebuild(newcomers="error")
    shop.activate("sync")
    assert len(heard(web)) == 1
    (shop.root / "open").touch()
    shop.activate("sync")
    assert heard(web) == []
    assert (shop.root / "told.txt").read_text().count('"state": "raised"') == 2
    shop.activate("sync")
    assert (shop.root / "told.txt").read_text().count('"state": "raised"') == 2


def test_who_is_told_of_what(shop: Shop, web: Letterbox) -> None:
    """A channel for errors hears of errors only, and of their end only if it heard of them."""
    tell(
        shop,
        urgent={"type": "slack", "url": f"{web.url}/urgent", "level": "error"},
        other={"type": "slack", "url": f"{web.url}/other", "destinations": []},
    )
    shop.rebuild(newcomers="error")
    shop.activate("sync")
    shop.rebuild()
    shop.activate("sync")
    assert heard(web) == []
    shop.hold("newcomers", [])
    shop.activate("sync")
    shop.hold("newcomers", NEWCOMERS)
    shop.activate("sync")
    assert [line.split()[0] for line in heard(web)] == ["ERROR", "RECOVERED"]
    assert set(web.paths) == {"/urgent"}


def test_a_channel_that_is_gone_is_not_waited_for(shop: Shop, team: Letterbox) -> None:
    """What it missed is dropped, so that a later one of its name does not hear old news."""
    team.status = 500
    shop.rebuild(newcomers="error")
    shop.activate("sync")
    tell(shop, other={"type": "slack", "url": team.url})
    team.status = 200
    shop.activate("sync")
    tell(shop, team={"type": "slack", "url": team.url})
    shop.activate("sync")
    assert heard(team) == []
    assert shop.query("select pending from prod_activate.alerts") == [("",)]


def test_old_news_is_not_kept_for_nobody(shop: Shop, team: Letterbox) -> None:
    """Where all channels are gone, what changes meanwhile leaves nothing behind for one of the same name."""
    team.status = 500
    shop.rebuild(newcomers="error")
    shop.activate("sync")
    kept = (shop.root / "notifications.yml").read_text()
    (shop.root / "notifications.yml").unlink()
    shop.rebuild()
    shop.activate("sync")
    (shop.root / "notifications.yml").write_text(kept)
    team.status = 200
    shop.activate("sync")
    assert heard(team) == []


def test_figures_are_told_as_they_were_found(shop: Shop, web: Letterbox) -> None:
    """The warehouse keeps them whole: a share of 0.6 is told as 0.6."""
    tell(shop, team={"type": "webhook", "url": web.url})
    shop.configure("newcomers", {**BY_EMAIL, "warnings": {"size_change": 0.5}})
    shop.activate("sync")
    shop.hold("newcomers", [f"new{number}@shop.test" for number in range(1, 5)])
    shop.activate("sync", "--allow-mass-removal")
    assert [one["figure"] for one in web.letters[0]["alerts"]] == [0.6]


def test_a_recipient_that_is_refused_is_said(shop: Shop, mail: Letterbox) -> None:
    """The others are told once, and `debug --notifications` finds it."""
    keys = {"host": "127.0.0.1", "port": mail.port, "security": "none", "sender": "dbt@robots.test"}
    tell(shop, mail={"type": "email", "to": ["anna@robots.test", "gone@robots.test"], **keys})
    mail.refused = {"gone@robots.test"}
    shop.rebuild(newcomers="error")
    result = shop.activate("sync")
    assert (result.exit_code, "Channel mail: 1 of 2 addresses did not take it" in result.output) == (0, True)
    shop.activate("sync")
    assert len(mail.letters) == 1
    assert shop.activate("debug", "--notifications").exit_code == 1


@pytest.mark.parametrize("text", ["team: [", "team: {type: slak}", "team: 5", "[]"])
def test_a_broken_file_does_not_stop_a_sync(shop: Shop, text: str) -> None:
    """It is said, and nobody is told."""
    (shop.root / "notifications.yml").write_text(text)
    result = shop.activate("sync")
    assert (result.exit_code, "notifications.yml" in result.output) == (0, True)
    assert len(shop.audience()["email"]) == len(VIPS)


def test_a_channel_without_its_variable_is_told_later(
    shop: Shop, web: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as down until the variable is set."""
    tell(shop, team={"type": "slack", "url": "{{ env_var('HOOK') }}"})
    shop.rebuild(newcomers="error")
    result = shop.activate("sync")
    assert (result.exit_code, "environment variable HOOK is not set" in result.output) == (0, True)
    monkeypatch.setenv("HOOK", web.url)
    shop.activate("sync")
    assert len(heard(web)) == 1


def test_plans_warn_nobody(shop: Shop, team: Letterbox) -> None:
    """A plan, a dry run and a target that may not push write nothing and tell nobody."""
    shop.rebuild(newcomers="error")
    before = (shop.root / "shop.duckdb").read_bytes()
    shop.activate("plan")
    shop.activate("sync", "--dry-run")
    assert (shop.root / "shop.duckdb").read_bytes() == before
    assert heard(team) == []


def test_messages_name_nobody(shop: Shop, web: Letterbox, mail: Letterbox) -> None:
    """Neither what is sent, nor what is kept, nor what is printed holds an identifier or a secret."""
    keys = {"host": "127.0.0.1", "port": mail.port, "security": "none", "sender": "dbt@robots.test"}
    tell(
        shop,
        team={"type": "webhook", "url": f"{web.url}/{SECRET}"},
        mail={"type": "email", "to": ["anna@robots.test"], **keys},
    )
    shop.sandbox.faults.clear()
    shop.hold("vip_customers", [*sorted(VIPS)[:5], "no address", "another.one"])
    shop.activate("sync")
    shop.hold("newcomers", [])
    output = shop.activate("sync", "--debug").output
    kept = str(shop.query("select * from prod_activate.alerts"))
    told = json.dumps(web.letters) + "".join(one.get_content() for one in mail.letters)
    assert told
    for text in (output, kept, told):
        assert SECRET not in text
        assert "@shop.test" not in text
        assert "another.one" not in text


def test_debug_sends_a_test(shop: Shop, web: Letterbox, mail: Letterbox) -> None:
    """To every channel; what came of each is said, and one that fails makes the exit code 1."""
    keys = {"host": "127.0.0.1", "port": mail.port, "security": "none", "sender": "dbt@robots.test"}
    channels: dict[str, dict[str, object]] = {
        "team": {"type": "slack", "url": f"{web.url}/{SECRET}"},
        "mail": {"type": "email", "to": ["anna@robots.test"], **keys},
        "desk": {"type": "command", "command": ["cp", "/dev/stdin", "test.json"]},
    }
    tell(shop, **channels)
    result = shop.activate("debug", "--notifications")
    assert result.exit_code == 0, result.output
    assert result.output.count("[OK]") == 3
    assert web.texts[0].startswith("*dbt-activate: a test message (shop, target prod)*")
    assert mail.letters[0]["Subject"] == "dbt-activate: a test message (shop, target prod)"
    assert "test message" in Path("test.json").read_text()
    web.status = 404
    failed = shop.activate("debug", "--notifications")
    assert (failed.exit_code, "channel team [ERROR]" in failed.output, "404" in failed.output) == (
        1,
        True,
        True,
    )
    assert SECRET not in result.output + failed.output


def test_debug_without_channels(shop: Shop) -> None:
    """It says that nobody is told."""
    result = shop.activate("debug", "--notifications")
    assert (result.exit_code, "nobody is told" in result.output) == (0, True)
    (shop.root / "notifications.yml").write_text("team: {type: slak}")
    result = shop.activate("debug", "--notifications")
    assert (result.exit_code, "Did you mean 'slack'?" in result.output) == (1, True)


def test_python_sees_warnings(shop: Shop) -> None:
    """Typed, on each result; an error among them is a failure."""
    shop.configure("newcomers", {**BY_EMAIL, "warnings": {"held": "error"}})
    shop.rebuild(newcomers="error")
    result = Project(shop.root).sync()
    [alert] = result["newcomers"].warnings
    assert (alert.kind, alert.level, alert.message) == (Kind.HELD, Severity.ERROR, "its model failed")
    assert [one.key for one in result.failures] == ["criteo.newcomers"]
    with pytest.raises(ActivateError, match=r"criteo\.newcomers: held: its model failed"):
        result.raise_for_failures()


def test_a_state_that_cannot_be_read_harms_no_sync(shop: Shop, team: Letterbox) -> None:
    """It is said; warnings are evaluated all the same, and nobody is told twice for it."""
    shop.activate("sync")
    shop.query("alter table prod_activate.alerts rename column pending to something_else")
    shop.rebuild(newcomers="error")
    result = shop.activate("sync")
    assert (result.exit_code, "cannot be read" in result.output) == (0, True)
    assert warnings_of(shop) == [("held", "warn")]
    assert heard(team) == []


def test_a_command_needs_no_library(shop: Shop) -> None:
    """Apprise is loaded only where a channel needs it."""
    tell(shop, desk={"type": "command", "command": ["true"]})
    program = (
        "import sys; from dbt_activate import Project; Project('.').sync(); Project('.').plan();"
        "sys.exit('apprise' in sys.modules)"
    )
    shop.rebuild(newcomers="error")
    assert subprocess.run([sys.executable, "-c", program], cwd=shop.root, check=False).returncode == 0


def test_two_runs_at_once_tell_once(shop: Shop, team: Letterbox) -> None:
    """Whoever comes second finds the warning written down, or waits for its turn."""
    shop.rebuild(newcomers="error")
    runs = [shop.start("sync") for _ in range(2)]
    for run in runs:
        run.communicate(timeout=60)
    assert len([line for line in heard(team) if "held" in line]) == 1


def test_the_end_of_an_audience_ends_its_warnings(shop: Shop, team: Letterbox) -> None:
    """A reset forgets what was warned of, with all else that is known."""
    shop.activate("sync")
    shop.rebuild(newcomers="error")
    shop.activate("sync")
    assert len(heard(team)) == 1
    shop.activate("reset", "-s", "newcomers", "--yes")
    assert shop.query("select * from prod_activate.alerts") == []


def test_a_low_match_rate_is_asked_for_where_it_is_wanted(shop: Shop, team: Letterbox) -> None:
    """The sandbox's Criteo recognises 62 %."""
    shop.activate("sync")
    assert not shop.sandbox.traffic.exchanges(operation="statistics")
    shop.configure("newcomers", {**BY_EMAIL, "warnings": {"match_rate": 0.7}})
    shop.rebuild()
    shop.activate("sync")
    assert heard(team) == [
        "WARN criteo.newcomers: match_rate: 62.0% of the audience recognised, of at least 70.0%"
    ]


def test_a_state_that_cannot_be_written_harms_no_sync(shop: Shop, team: Letterbox) -> None:
    """It is said, at every run until it can; what stands is in the artifact, and an error makes it 1."""
    shop.configure("newcomers", {**BY_EMAIL, "warnings": {"held": "error"}})
    shop.activate("sync")
    shop.query("alter table prod_activate.alerts rename to alerts_kept")
    shop.query("create view prod_activate.alerts as from prod_activate.alerts_kept")
    shop.rebuild(newcomers="error")
    result = shop.activate("sync")
    assert (result.exit_code, "cannot be written down" in result.output) == (1, True)
    assert (warnings_of(shop), heard(team)) == ([("held", "error")], [])
    shop.query("drop view prod_activate.alerts")
    shop.query("alter table prod_activate.alerts_kept rename to alerts")
    shop.activate("sync")
    assert heard(team) == ["ERROR criteo.newcomers: held: its model failed"]


def test_a_sync_goes_well_without_the_library(shop: Shop, team: Letterbox) -> None:
    """It is said what to install, and the channel counts as down until then."""
    shop.rebuild(newcomers="error")
    program = "import sys; sys.modules['apprise'] = None; from dbt_activate.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "sync"], cwd=shop.root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "pip install 'dbt-activate[notifications]'" in done.stdout) == (0, True)
    shop.activate("sync")
    assert heard(team) == ["WARN criteo.newcomers: held: its model failed"]


def test_a_command_that_hangs_ends_with_its_time(shop: Shop) -> None:
    """And the sync ends well."""
    tell(shop, pager={"type": "command", "command": ["sleep", "60"], "timeout_seconds": 0.2})
    shop.rebuild(newcomers="error")
    result = shop.activate("sync")
    assert (result.exit_code, "took longer than 0.2 seconds" in result.output) == (0, True)
