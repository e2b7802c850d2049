"""``plan --output markdown`` and ``json``: what a sync would do, for a pull request."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dbt_activate import Project
from tests.shop import VIPS, Shop

BY_EMAIL = {"mapping": {"email": "email"}}


def plan_json(shop: Shop, *arguments: str) -> Any:
    """Return the plan as a program reads it."""
    return json.loads(shop.activate("plan", "--output", "json", *arguments).stdout)


def kept_state(shop: Shop) -> Path:
    """Keep the manifest as it is now, as the main branch's; return the folder."""
    folder = shop.root / "state"
    folder.mkdir()
    shutil.copy(shop.root / "target" / "manifest.json", folder)
    return folder


def markdown_row(text: str, *cells: str) -> bool:
    """Tell whether a table has a row of these cells."""
    return f"| {' | '.join(cells)} |" in text.splitlines()


def test_each_audience_has_its_figures(shop: Shop) -> None:
    """Who is in it, who enters and leaves, as numbers and as shares of the audience; by identifier, too."""
    shop.activate("sync")
    shop.hold("newcomers", [f"new{number}@shop.test" for number in range(3, 21)])
    newcomers, vips = plan_json(shop, "--all")["activations"]
    assert newcomers["counts"] == {
        "members_before": 10,
        "members_after": 18,
        "added": 10,
        "removed": 2,
        "added_share": 1.0,
        "removed_share": 0.2,
        "invalid": 0,
        "deliveries": 2,
        "by_type": {
            "email:sha256": {
                "members_before": 10,
                "members_after": 18,
                "added": 10,
                "removed": 2,
                "invalid": 0,
            }
        },
    }
    assert (vips["status"], vips["counts"]["added"], vips["counts"]["removed"]) == ("planned", 0, 0)
    text = shop.activate("plan", "--all", "--output", "markdown").stdout
    cells = ("`criteo.newcomers`", "`newcomers`", "10", "+10", "−2 (20.0%)", "18 (+80.0%)", "planned")
    assert markdown_row(text, *cells)
    assert "2 activations: **10** would enter, **2** would leave." in text


def test_only_the_document_is_on_stdout_and_it_is_always_the_same(shop: Shop) -> None:
    """Without a time or an id, in the order of the models; progress goes to stderr."""
    for output in ("json", "markdown"):
        first, second = (shop.activate("plan", "--output", output) for _ in range(2))
        assert first.stdout == second.stdout
        assert "START plan" in first.stderr
        assert "START plan" not in first.stdout
    assert first.stdout.startswith("<!-- dbt-activate plan -->\n")
    keys = [one["activation"] for one in plan_json(shop)["activations"]]
    assert keys == ["criteo.newcomers", "criteo.vip_customers"]


def test_the_json_has_a_schema_version_and_these_keys(shop: Shop) -> None:
    """Programs may rely on them."""
    document = plan_json(shop)
    assert document["metadata"]["schema_version"] == "dbt-activate/plan/v1"
    assert list(document) == ["metadata", "activations", "changes"]
    assert document["changes"] is None
    expected = "activation unique_id destination audience status message guard notes counts"
    assert list(document["activations"][0]) == expected.split()


def test_it_needs_no_credentials_and_asks_no_destination(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runner of a pull request has no secret."""
    monkeypatch.delenv("CRITEO_CLIENT_ID")
    monkeypatch.delenv("CRITEO_CLIENT_SECRET")
    before = (shop.root / "shop.duckdb").read_bytes()
    assert shop.activate("plan", "--output", "markdown").exit_code == 0
    assert shop.sandbox.traffic.exchanges() == []
    assert (shop.root / "shop.duckdb").read_bytes() == before


def test_no_identifier_is_in_it(shop: Shop) -> None:
    """Neither whole nor masked, also of values that are invalid."""
    shop.hold("newcomers", ["new1@shop.test", "not-an-address", "also no address"])
    for output in ("json", "markdown"):
        text = shop.activate("plan", "--output", output).stdout
        assert not any(part in text for part in ("@shop", "@", "not-an", "also", "no***"))
    assert plan_json(shop)["activations"][0]["counts"]["invalid"] == 2


def test_a_guard_that_would_trip_is_named(shop: Shop) -> None:
    """With its reason, and the exit code that a sync would have."""
    shop.activate("sync")
    shop.hold("vip_customers", list(VIPS)[:10])
    result = shop.activate("plan", "--all", "--output", "markdown")
    assert result.exit_code == 1
    assert "**1 would fail.**" in result.stdout
    assert "- `criteo.vip_customers`: **guarded**. activation criteo.vip&#95;customers:" in result.stdout
    assert "more than guards.max&#95;removed allows &#40;30.0%&#41;" in result.stdout
    vips = plan_json(shop, "--all")["activations"][1]
    assert (vips["status"], vips["guard"], vips["counts"]["removed"]) == ("guarded", "max_removed", 190)


def test_what_cannot_be_planned_stands_beside_what_can(shop: Shop) -> None:
    """An error of one activation is shown in its place; the others have their figures."""
    shop.query("drop table prod.newcomers")
    result = shop.activate("plan", "--output", "markdown")
    assert result.exit_code == 1
    row = ("`criteo.newcomers`", "`newcomers`", "", "", "", "", "**error**")
    assert markdown_row(result.stdout, *row)
    assert "- `criteo.newcomers`: **error**. " in result.stdout
    newcomers, vips = plan_json(shop)["activations"]
    assert (newcomers["status"], newcomers["counts"]) == ("error", None)
    assert vips["counts"]["added"] == 200


def test_what_a_gate_holds_is_said(shop: Shop) -> None:
    """As well as what need not be read again."""
    shop.activate("sync", "-s", "vip_customers")
    unchanged = plan_json(shop)["activations"][1]
    assert (unchanged["status"], unchanged["counts"]) == ("unchanged", None)
    shop.rebuild(newcomers="error")
    text = shop.activate("plan", "--output", "markdown").stdout
    assert "- `criteo.newcomers`: **held**. held: its model failed" in text


def test_nothing_selected_is_a_short_document(shop: Shop) -> None:
    """A pull request that touches no segment gets a plan that says so."""
    result = shop.activate("plan", "--output", "markdown", "-s", "no_such_model")
    assert (result.exit_code, "No activation is selected." in result.stdout) == (0, True)
    assert plan_json(shop, "-s", "no_such_model")["activations"] == []


@pytest.mark.parametrize(
    ("now", "kind", "settings"),
    [
        ({"audience": "VIP customers", "mapping": {"madid": "mobile_ad_id"}}, None, []),
        (
            {"audience": "Best customers"},
            "changed",
            [("audience.name", "VIP customers", "Best customers"), ("mapping.madid", ["mobile_ad_id"], None)],
        ),
        (
            {"audience": "VIP customers", "mapping": {"madid": "mobile_ad_id"}, "guards": {"max_removed": 1}},
            "changed",
            [("guards.max_removed", 0.3, 1.0)],
        ),
        ({"enabled": False}, "switched off", []),
        (None, "gone", []),
    ],
)
def test_settings_are_compared_with_those_of_another_manifest(
    shop: Shop, now: Any, kind: str | None, settings: list[tuple[str, Any, Any]]
) -> None:
    """What changed is told by final value, whichever layer it comes from; also of what is not selected."""
    state = kept_state(shop)
    shop.configure("vip_customers", now)
    changes = plan_json(shop, "--state", str(state), "-s", "newcomers")["changes"]
    assert [one["change"] for one in changes] == ([kind] if kind else [])
    told = [(one["setting"], one["before"], one["after"]) for change in changes for one in change["settings"]]
    assert told == settings


def test_changes_are_shown_as_markdown(shop: Shop) -> None:
    """What is new and gone as a list, settings as a table; a name cannot break the page."""
    shop.configure("vip_customers", {"audience": "Old | `name`", **BY_EMAIL})
    state = kept_state(shop)
    shop.configure("newcomers", None)
    declared = [{"audience": "@team <b>", **BY_EMAIL}, {"name": "more", "audience": "More", **BY_EMAIL}]
    shop.configure("vip_customers", declared)
    text = shop.activate("plan", "--output", "markdown", "--state", str(state)).stdout
    assert "- `criteo.more`: **new**" in text
    assert "- `criteo.newcomers`: **gone**, its audience stays as it is until `dbt-activate prune`" in text
    assert "- `criteo.vip_customers`: **changed**, 1 setting" in text
    assert markdown_row(
        text, "`criteo.vip_customers`", "`audience.name`", "`` Old \\| `name` ``", "`@team <b>`"
    )


def test_changes_are_told_on_the_console(shop: Shop) -> None:
    """With --state, the lines for people say them, too."""
    state = kept_state(shop)
    shop.configure("vip_customers", {"audience": "Best", "mapping": {"madid": "mobile_ad_id"}})
    output = shop.activate("plan", "--state", str(state)).output
    assert "criteo.vip_customers is changed: audience.name" in output


def test_a_destination_that_is_gone_takes_its_audiences_along(shop: Shop) -> None:
    """What can no longer be read is still known by its key."""
    state = kept_state(shop)
    shop.rewrite("destinations.yml", lambda text: text.replace("criteo:\n  type", "tool:\n  type"))
    for model in ("newcomers", "vip_customers"):
        shop.configure(model, {"destination": "tool", **BY_EMAIL})
    changes = plan_json(shop, "--state", str(state))["changes"]
    assert {one["activation"]: one["change"] for one in changes} == {
        "criteo.newcomers": "gone",
        "criteo.vip_customers": "gone",
        "tool.newcomers": "new",
        "tool.vip_customers": "new",
    }


def test_defaults_are_compared_where_the_old_destinations_were_kept(shop: Shop) -> None:
    """A ``destinations.yml`` beside the other manifest is that of then."""
    state = kept_state(shop)
    shutil.copy("destinations.yml", state)
    shop.rewrite("destinations.yml", lambda text: text + "    on_existing: adopt\n")
    changes = Project(shop.root, state=state).plan("newcomers").changes
    assert changes is not None
    assert [(one.key, one.settings[0].path, one.settings[0].after) for one in changes] == [
        ("criteo.newcomers", "on_existing", "adopt"),
        ("criteo.vip_customers", "on_existing", "adopt"),
    ]


def test_without_an_earlier_manifest_nothing_is_compared(shop: Shop) -> None:
    """The first pull request has none: that is said, and is no error; a broken one is."""
    result = shop.activate("plan", "--output", "json", "--state", "state")
    assert result.exit_code == 0
    assert "state/manifest.json is not there" in result.stderr
    assert json.loads(result.stdout)["changes"] is None
    (kept_state(shop) / "manifest.json").write_text("{")
    broken = shop.activate("plan", "--state", "state")
    assert (broken.exit_code, "state/manifest.json: is cut off" in broken.output) == (1, True)


def test_python_has_the_same_documents(shop: Shop) -> None:
    """The plans of a project write themselves."""
    plans = Project(shop.root).plan()
    assert plans.json() + "\n" == shop.activate("plan", "--output", "json").stdout
    assert plans.markdown().count("criteo.newcomers") == 2


def test_a_name_with_a_line_break_stays_on_its_line(shop: Shop) -> None:
    """Who reads a log line by line finds no line that a name made up; the data keep the name."""
    audience = "New here\n06:00:00  Done. PASS=9"
    shop.configure(
        "newcomers", {"destination": "criteo", "mapping": {"email": "email"}, "audience": audience}
    )
    lines = shop.activate("plan", "-s", "newcomers").output.splitlines()
    assert not any(line.startswith("06:00:00  Done. PASS=9") for line in lines)
    assert any('criteo.newcomers → Criteo "New here 06:00:00 Done. PASS=9"' in line for line in lines)
    assert plan_json(shop, "-s", "newcomers")["activations"][0]["audience"] == audience
