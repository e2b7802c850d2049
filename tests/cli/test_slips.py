"""Slips of the command line, and places where nobody reads: it is said what was meant, or done anyway."""

from __future__ import annotations

import shlex
import subprocess

import pytest
import yaml

from tests.everywhere import activate_everywhere, entries
from tests.shop import BIN, Shop


def test_a_misspelt_command_is_guessed(shop: Shop) -> None:
    """What is near is named; what is near to nothing is not guessed at."""
    result = shop.activate("pla")
    assert result.exit_code == 2
    assert "No such command 'pla'. Did you mean 'plan'?" in result.output
    assert "Did you mean" not in shop.activate("frobnicate").output


@pytest.mark.parametrize("command", ["plan", "sync", "status", "reset"])
def test_models_without_select(shop: Shop, command: str) -> None:
    """Models are selected with --select, as in dbt; whoever leaves it out is told so, and nothing is done."""
    result = shop.activate(command, "newcomers", "vip_customers")
    assert result.exit_code == 2
    assert "Did you mean --select newcomers vip_customers?" in result.output
    assert shop.audience("newcomers") == {}


@pytest.mark.parametrize("flag", ["-s", "--select", "--exclude"])
def test_a_selection_that_is_empty(shop: Shop, flag: str) -> None:
    """As where a shell's variable is: the next flag is not taken for a model, and nothing is done."""
    result = shop.activate("sync", flag, "--full-refresh")
    assert result.exit_code == 2
    assert f"Option '{flag}' requires an argument." in result.output
    assert shop.audience("newcomers") == {}


def test_an_argument_where_nothing_is_selected(shop: Shop) -> None:
    """A command that selects no models does not speak of --select."""
    result = shop.activate("validate", "newcomers")
    assert result.exit_code == 2
    assert "Got unexpected extra argument (newcomers)" in result.output
    assert "--select" not in result.output


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams(shop: Shop, closed: str) -> None:
    """A scheduler may close what nobody reads: the work is done all the same."""
    command = f"exec {shlex.quote(str(BIN / 'dbt-activate'))} sync -s newcomers {closed}"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=shop.root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stdout + done.stderr) == (0, False)
    assert len(shop.audience("newcomers")["email"]) == 10


def test_a_plan_that_failed_does_not_speak_of_syncing(shop: Shop) -> None:
    """Who only plans is not told that a sync failed."""
    shop.query("drop table prod.newcomers")
    assert "1 of 1 ERROR planning criteo.newcomers" in shop.activate("plan", "-s", "newcomers").output
    assert "1 of 1 ERROR syncing criteo.newcomers" in shop.activate("sync", "-s", "newcomers").output


def test_a_question_that_nobody_answers_ends_its_line(shop: Shop) -> None:
    """The error stands in a line of its own."""
    shop.activate("sync", "-s", "newcomers")
    lines = shop.activate("reset", "-s", "newcomers").output.splitlines()
    assert "Go on? [y/N]: " in lines
    assert "Error: Nobody answered. Use --yes where nobody can be asked." in lines


def test_nothing_is_cleared_where_one_tool_cannot(shop: Shop) -> None:
    """Before the first audience is emptied it is known whether all can be; otherwise none is."""
    activate_everywhere(shop)
    declared = entries(shop)
    del declared["http"]["requests"]["clear"]
    (shop.root / "destinations.yml").write_text(yaml.safe_dump(declared))
    assert shop.activate("sync").exit_code == 0
    result = shop.activate("reset", "-s", "vip_customers", "--clear", "--yes")
    assert result.exit_code == 1
    assert "destinations.yml" in result.output
    assert "--exclude destination:http" in result.output
    assert len(shop.audience()["email"]) == 100
