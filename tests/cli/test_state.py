"""``status``, ``history``, ``rejections`` and ``reset``."""

from __future__ import annotations

import json

import pytest

from dbt_activate.sandbox import Fault
from tests.shop import Shop


def test_status_before_the_first_sync(shop: Shop) -> None:
    """There is nothing to know yet, and asking makes no state."""
    before = (shop.root / "shop.duckdb").read_bytes()
    (newcomers, _) = json.loads(shop.activate("status", "--output", "json").stdout)
    assert (newcomers["members"], newcomers["last_run_at"], newcomers["remote_id"]) == (0, None, None)
    assert shop.activate("history").output == "No runs yet.\n"
    assert shop.activate("rejections").output == "Nobody stands rejected by name.\n"
    assert (shop.root / "shop.duckdb").read_bytes() == before


def test_status_after_a_failure(shop: Shop) -> None:
    """Members, remote id, last run, and the changes whose outcome is not known."""
    shop.sandbox.faults.add(Fault(effect="error", status=403, operation="add"))
    shop.activate("sync", "-s", "newcomers")
    shop.activate("sync", "-s", "vip_customers")
    newcomers, vips = json.loads(shop.activate("status", "--output", "json").stdout)
    assert (newcomers["status"], newcomers["open_changes"], newcomers["members"]) == ("error", 10, 0)
    assert (vips["status"], vips["open_changes"], vips["members"]) == ("success", 0, 200)
    assert vips["remote_id"] in {one.id for one in shop.sandbox.criteo.audiences()}


def test_status_shows_what_the_project_no_longer_has(shop: Shop) -> None:
    """An audience whose activation was taken out of the project is not forgotten."""
    shop.activate("sync", "-s", "newcomers")
    shop.configure("newcomers", False)
    assert "criteo.newcomers (not in the project)" in shop.activate("status").output


def test_history_lists_the_newest_first(shop: Shop) -> None:
    """All runs of the selected activations, up to a limit."""
    for _ in range(2):
        shop.activate("sync", "--all")
    runs = json.loads(shop.activate("history", "--output", "json", "-s", "newcomers").stdout)
    assert [run["added"] for run in runs] == [0, 10]
    assert len(json.loads(shop.activate("history", "--output", "json", "--limit", "3").stdout)) == 3


def test_rejections_are_masked_until_a_person_asks(shop: Shop) -> None:
    """Who stands rejected is listed with the reason; identifiers are shown on demand only."""
    shop.activate("sync", "-s", "newcomers")
    shop.query(
        "insert into prod_activate.rejections (audience_key, run_id, operation, identifier_type, identifier, "
        "code, reason, first_at, last_at, attempts) values ('criteo.newcomers', 'r', 'add', 'email', "
        "'new1@shop.test', 'unknown', 'no such person', timestamp '2026-01-01', timestamp '2026-01-02', 2)"
    )
    masked = shop.activate("rejections")
    assert "n…@s… (14 characters)" in masked.output
    assert "no such person" in masked.output
    assert "new1@shop.test" not in masked.output
    assert "new1@shop.test" in shop.activate("rejections", "--reveal").stdout


def test_reset_forgets_and_leaves_the_members(shop: Shop) -> None:
    """The state is gone, the members and the history stay, and the audience counts as a stranger's."""
    shop.activate("sync")
    result = shop.activate("reset", "-s", "newcomers", "--yes")
    assert result.exit_code == 0
    assert "criteo.newcomers is forgotten. Its members stay in the tool." in result.output
    assert len(shop.audience("newcomers")["email"]) == 10
    newcomers, vips = json.loads(shop.activate("status", "--output", "json").stdout)
    assert (newcomers["members"], newcomers["remote_id"], newcomers["status"]) == (0, None, "success")
    assert vips["members"] == 200
    assert "which this activation did not make" in shop.activate("sync", "-s", "newcomers").output


def test_reset_clears_on_demand(shop: Shop) -> None:
    """Everybody leaves the audience first; adopted again, it is filled again."""
    shop.activate("sync", "-s", "newcomers")
    assert shop.activate("reset", "-s", "newcomers", "--clear", "--yes").exit_code == 0
    assert shop.audience("newcomers") == {}
    shop.configure("newcomers", {"on_existing": "adopt"})
    shop.activate("sync", "-s", "newcomers")
    assert len(shop.audience("newcomers")["email"]) == 10


def test_a_clear_that_fails_forgets_nobody(shop: Shop) -> None:
    """If the answer is lost after the audience was emptied, the next sync fills it again."""
    shop.activate("sync", "-s", "newcomers")
    shop.sandbox.faults.add(Fault(effect="error", status=403, applied=True, method="DELETE"))
    assert shop.activate("reset", "-s", "newcomers", "--clear", "--yes").exit_code == 1
    shop.hold("newcomers", [f"new{number}@shop.test" for number in range(1, 10)])
    assert shop.activate("sync", "-s", "newcomers").exit_code == 0
    assert len(shop.audience("newcomers")["email"]) == 9


def test_a_clear_that_fails_says_how_far_it_came(shop: Shop) -> None:
    """Of several audiences it is told which are empty and forgotten already, and which one failed."""
    shop.activate("sync")
    shop.sandbox.faults.add(Fault(effect="error", status=403, method="DELETE", nth=2))
    result = shop.activate("reset", "-s", "newcomers", "vip_customers", "--clear", "--yes")
    assert result.exit_code == 1
    assert "Stopped at criteo.vip_customers. Forgotten before: criteo.newcomers." in result.output
    assert (shop.audience("newcomers"), len(shop.audience()["email"])) == ({}, 100)


@pytest.mark.parametrize(("answer", "exit_code", "members"), [("y\n", 0, 0), ("n\n", 0, 10), (None, 2, 10)])
def test_reset_asks_first(shop: Shop, answer: str | None, exit_code: int, members: int) -> None:
    """Only a yes forgets; where nobody can answer, --yes is asked for."""
    shop.activate("sync", "-s", "newcomers")
    result = shop.activate("reset", "-s", "newcomers", answer=answer)
    assert result.exit_code == exit_code
    assert "Their members stay in the tool" in result.output
    (status,) = json.loads(shop.activate("status", "--output", "json", "-s", "newcomers").stdout)
    assert status["members"] == members


def test_reset_needs_a_selection_and_the_right_target(shop: Shop) -> None:
    """Nothing is forgotten by accident, and nothing is cleared from a target that may not push."""
    assert shop.activate("reset", "--yes").exit_code == 2
    shop.activate("sync", "-s", "newcomers")
    shop.rewrite("destinations.yml", lambda text: text.replace("[prod]", "[live]"))
    result = shop.activate("reset", "-s", "newcomers", "--clear", "--yes")
    assert result.exit_code == 1
    assert "target prod is not among them, so it may change nothing there" in result.output
    assert len(shop.audience("newcomers")["email"]) == 10
