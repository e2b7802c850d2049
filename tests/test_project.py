"""The Python API: what notebooks and scheduled tasks use."""

from __future__ import annotations

import polars as pl
import pytest

import dbt_activate
from dbt_activate import ActivateError, ConfigError, Project, Status
from dbt_activate.reporting.events import Event
from tests.shop import VIPS, Shop, sha256


def test_public_names_are_there_and_sorted() -> None:
    """Everything that is promised can be imported, and nothing else is promised."""
    assert dbt_activate.__all__ == sorted(dbt_activate.__all__)
    assert all(getattr(dbt_activate, name) for name in dbt_activate.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        dbt_activate.no_such_name  # noqa: B018  (it is the look-up that is tested)


def test_the_plan_of_one_activation_is_two_frames(shop: Shop) -> None:
    """Who would enter and who would leave are Polars frames."""
    plan = Project().plan("newcomers")
    assert plan.added.columns == ["identifier_type", "identifier"]
    assert set(plan.added["identifier"]) == {f"new{number}@shop.test" for number in range(1, 11)}
    assert plan.removed.equals(pl.DataFrame(schema={"identifier_type": pl.String, "identifier": pl.String}))


def test_plans_of_several_are_asked_by_name(shop: Shop) -> None:
    """With several activations, which one is meant has to be said."""
    plans = Project(shop.root).plan()
    assert [plan.key for plan in plans] == ["criteo.newcomers", "criteo.vip_customers"]
    assert plans["newcomers"].added == 10
    assert plans["criteo.vip_customers"].required_plan().added.height == 200
    with pytest.raises(ActivateError, match="2 activations were planned"):
        _ = plans.added
    with pytest.raises(KeyError, match=r"criteo\.newcomers"):
        plans["no_such_model"]


def test_a_plan_that_failed_says_why_when_it_is_used(shop: Shop) -> None:
    """The error of the activation comes out where its frames are asked for."""
    shop.query("drop table prod.newcomers")
    plans = Project().plan("newcomers")
    assert plans[0].status is Status.ERROR
    with pytest.raises(ActivateError, match="Build it with dbt"):
        _ = plans.added


def test_sync_returns_what_was_done(shop: Shop) -> None:
    """A typed result for each activation, in a stable order, with the remote id."""
    run = Project().sync()
    assert run.success
    assert [result.key for result in run] == ["criteo.newcomers", "criteo.vip_customers"]
    assert run["vip_customers"].added == 200
    assert run["vip_customers"].remote_id in {one.id for one in shop.sandbox.criteo.audiences()}
    assert shop.audience()["email"] == sha256(VIPS)
    run.raise_for_failures()


def test_failures_stand_in_the_result(shop: Shop) -> None:
    """A sync does not raise for one activation; whoever wants it to says so."""
    shop.query("drop table prod.newcomers")
    run = Project().sync()
    assert not run.success
    assert [(one.key, one.status) for one in run.failures] == [("criteo.newcomers", Status.ERROR)]
    with pytest.raises(ActivateError, match=r"criteo\.newcomers"):
        run.raise_for_failures()


def test_each_call_reads_anew(shop: Shop) -> None:
    """What dbt did in between two calls is seen."""
    project = Project()
    assert len(project.activations()) == 2
    shop.configure("newcomers", False)
    assert len(project.activations()) == 1


def test_notebooks_show_tables_without_identifiers(shop: Shop) -> None:
    """Every result is shown as a table; identifiers are seen only where a person looks into a plan."""
    project = Project()
    shown = [project.activations(), project.plan(), project.sync(), project.status(), project.history()]
    for listing in shown:
        page = listing._repr_html_()
        assert page.startswith("<table>")
        assert "newcomers" in page
        assert "@shop.test" not in page + repr(listing)


def test_a_wrong_project_is_an_error(shop: Shop) -> None:
    """All problems are attributes, not only text."""
    shop.configure("newcomers", {"maping": {}})
    with pytest.raises(ConfigError) as raised:
        Project().sync()
    (problem,) = raised.value.problems
    assert (problem.file, problem.key) == ("models/schema.yml", "maping")
    assert Project().validate().problems == (problem,)


def test_events_are_told_while_it_happens(shop: Shop) -> None:
    """Whoever passes `emit` hears of every activation's start, plan, deliveries and result."""
    events: list[Event] = []
    Project(emit=events.append).sync("newcomers")
    assert [event.name for event in events] == [
        "ActivationsFound",
        "ActivationStart",
        "ActivationPlanned",
        "DeliveryAnswered",
        "ActivationResult",
        "RunFinished",
        "RunSummary",
    ]


def test_settings_come_from_the_projects_variables(shop: Shop) -> None:
    """The schema of the state tables is one of them."""
    shop.rewrite("dbt_project.yml", lambda text: text + "vars: {dbt_activate: {schema: audiences_state}}\n")
    assert Project().sync("newcomers").success
    assert shop.query("select count(*) from audiences_state.runs") == [(1,)]


def test_check_says_what_passed(shop: Shop) -> None:
    """The same as `dbt-activate debug`, as data."""
    checks = Project().check()
    assert checks.success
    assert {check.name for check in checks} >= {"project", "connection", "destination criteo"}
