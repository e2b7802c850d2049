"""``prune``: audiences whose activation is gone."""

from __future__ import annotations

import json

import pytest

from dbt_activate import Project
from dbt_activate.sandbox import Fault
from tests.shop import Shop

STRANGER = "0" * 64


@pytest.fixture
def orphaned(shop: Shop) -> Shop:
    """A shop that has synced an audience, and whose project has lost the activation."""
    shop.activate("sync", "-s", "newcomers")
    shop.configure("newcomers", None)
    return shop


def remote_id(shop: Shop, name: str = "newcomers") -> str:
    """Return the sandbox's id of an audience."""
    return next(one.id for one in shop.sandbox.criteo.audiences() if one.name == name)


def known(shop: Shop) -> set[str]:
    """Return the keys of the audiences that the state knows."""
    return {row[0] for row in shop.query("select audience_key from prod_activate.audiences")}


def test_nothing_to_prune(shop: Shop) -> None:
    """Where every audience has its activation, it says so; also before the first sync."""
    assert shop.activate("prune").output == "Every audience has its activation.\n"
    shop.activate("sync", "-s", "newcomers")
    assert shop.activate("prune", "--yes").output == "Every audience has its activation.\n"
    assert len(shop.audience("newcomers")["email"]) == 10


def test_our_members_leave_and_strangers_stay(orphaned: Shop) -> None:
    """It lists, asks, takes out whom we put in, and forgets the audience; its runs stay in the history."""
    orphaned.sandbox.criteo.put_members(remote_id(orphaned), "email", [STRANGER])
    result = orphaned.activate("prune", answer="y\n")
    assert result.exit_code == 0
    assert "criteo.newcomers" in result.output
    assert "10 members that dbt-activate put in will be taken out" in result.output
    assert orphaned.audience("newcomers") == {"email": {STRANGER}}
    assert known(orphaned) == set()
    assert json.loads(orphaned.activate("history", "--output", "json").stdout)


@pytest.mark.parametrize("arguments", [["--dry-run"], []])
def test_nothing_happens_unasked(orphaned: Shop, arguments: list[str]) -> None:
    """A dry run, or a no, leaves everything as it is."""
    assert orphaned.activate("prune", *arguments, answer="n\n").exit_code == 0
    assert len(orphaned.audience("newcomers")["email"]) == 10
    assert known(orphaned) == {"criteo.newcomers"}


def test_nobody_to_ask_is_an_error(orphaned: Shop) -> None:
    """Where nobody can answer, --yes is asked for, and nothing is done."""
    result = orphaned.activate("prune", answer="")
    assert (result.exit_code, "Use --yes" in result.output) == (2, True)
    assert known(orphaned) == {"criteo.newcomers"}


def test_an_audience_that_we_made_is_deleted(orphaned: Shop) -> None:
    """With --delete it is no longer in the tool, nor in our books."""
    assert orphaned.activate("prune", "--delete", "--yes").exit_code == 0
    assert [one.name for one in orphaned.sandbox.criteo.audiences()] == []
    assert known(orphaned) == set()


def test_an_audience_that_was_there_before_is_never_deleted(shop: Shop) -> None:
    """It is said why, the exit code tells, and nothing is lost."""
    shop.sandbox.criteo.add_audience("newcomers", members={"email": [STRANGER]})
    shop.configure(
        "newcomers", {"destination": "criteo", "mapping": {"email": "email"}, "on_existing": "adopt"}
    )
    shop.activate("sync", "-s", "newcomers")
    shop.configure("newcomers", None)
    result = shop.activate("prune", "--delete", "--yes")
    assert (result.exit_code, "was there before dbt-activate" in result.output) == (1, True)
    assert len(shop.audience("newcomers")["email"]) == 11
    assert known(shop) == {"criteo.newcomers"}


@pytest.mark.parametrize("arguments", [[], ["--delete"]])
def test_an_audience_that_another_activation_has_adopted_is_kept(
    orphaned: Shop, arguments: list[str]
) -> None:
    """Those whom the old one put in are members of the new one, which would never know that they left."""
    renamed = {"destination": "criteo", "name": "arrivals", "audience": "newcomers", "on_existing": "adopt"}
    orphaned.configure("newcomers", {**renamed, "mapping": {"email": "email"}})
    assert orphaned.activate("sync", "-s", "newcomers").exit_code == 0
    result = orphaned.activate("prune", "--yes", *arguments)
    assert (result.exit_code, "criteo.arrivals fills the same audience" in result.output) == (1, True)
    assert len(orphaned.audience("newcomers")["email"]) == 10
    assert orphaned.activate("prune", "--forget", "--yes").exit_code == 0
    assert known(orphaned) == {"criteo.arrivals"}


def test_nobody_knows_who_was_put_in(orphaned: Shop) -> None:
    """Without the snapshot nobody can be taken out, which is an error; forgetting is none."""
    orphaned.query("drop table prod_activate.snapshot_criteo__newcomers")
    result = orphaned.activate("prune", "--yes")
    assert (result.exit_code, "snapshot_criteo__newcomers is gone" in result.output) == (1, True)
    assert known(orphaned) == {"criteo.newcomers"}
    assert orphaned.activate("prune", "--forget", "--yes").exit_code == 0


def test_only_forgotten(orphaned: Shop) -> None:
    """With --forget the members stay where they are."""
    assert orphaned.activate("prune", "--forget", "--yes").exit_code == 0
    assert len(orphaned.audience("newcomers")["email"]) == 10
    assert known(orphaned) == set()
    assert orphaned.activate("prune", "--forget", "--delete").exit_code == 2


def test_what_is_switched_off_is_kept(shop: Shop) -> None:
    """``enabled: false`` pauses an activation; its audience is no orphan."""
    shop.activate("sync", "-s", "newcomers")
    shop.configure("newcomers", {"destination": "criteo", "mapping": {"email": "email"}, "enabled": False})
    assert shop.activate("prune", "--yes").output == "Every audience has its activation.\n"
    assert len(shop.audience("newcomers")["email"]) == 10


def test_another_project_in_the_same_schema_is_left_alone(shop: Shop) -> None:
    """Two projects may keep their state in one schema; neither prunes the other's."""
    shop.activate("sync", "-s", "newcomers")
    shop.configure("newcomers", None)
    shop.query("update prod_activate.audiences set model = 'model.elsewhere.newcomers'")
    assert shop.activate("prune", "--yes").output == "Every audience has its activation.\n"
    assert len(shop.audience("newcomers")["email"]) == 10


def test_a_failure_loses_nothing(orphaned: Shop) -> None:
    """What could not be taken out stays in our books, and the next prune ends it."""
    orphaned.sandbox.faults.add(Fault(effect="error", status=400, operation="remove"))
    result = orphaned.activate("prune", "--yes")
    assert result.exit_code == 1
    assert known(orphaned) == {"criteo.newcomers"}
    orphaned.sandbox.faults.clear()
    assert orphaned.activate("prune", "--yes").exit_code == 0
    assert orphaned.audience("newcomers") == {}


def test_an_audience_that_vanished_is_forgotten(orphaned: Shop) -> None:
    """Where it is not there any more, nobody is in it."""
    orphaned.sandbox.criteo.delete_audience(remote_id(orphaned))
    assert orphaned.activate("prune", "--yes").exit_code == 0
    assert known(orphaned) == set()


def test_a_destination_that_is_gone_too(orphaned: Shop) -> None:
    """It says what to do; forgetting needs no destination."""
    orphaned.configure("vip_customers", None)
    orphaned.rewrite("destinations.yml", lambda text: text.replace("criteo:", "other:", 1))
    result = orphaned.activate("prune", "--yes")
    assert (result.exit_code, "not in destinations.yml any more" in result.output) == (1, True)
    assert orphaned.activate("prune", "--forget", "--yes").exit_code == 0
    assert known(orphaned) == set()


def test_one_of_several_in_python(orphaned: Shop) -> None:
    """Keys choose; both at once is refused."""
    orphaned.activate("sync", "-s", "vip_customers")
    orphaned.configure("vip_customers", None)
    project = Project(orphaned.root)
    assert [one.key for one in project.orphans()] == ["criteo.newcomers", "criteo.vip_customers"]
    [done] = project.prune("criteo.vip_customers")
    assert (done.key, done.outcome) == ("criteo.vip_customers", "our members were taken out")
    assert known(orphaned) == {"criteo.newcomers"}
    with pytest.raises(Exception, match="choose one"):
        project.prune(delete=True, forget=True)
