"""``list --explain``: every setting with where it comes from."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_inspect import HEAVY, imported_by
from tests.shop import Shop


def test_settings_are_shown_as_a_table_for_each_activation(shop: Shop) -> None:
    """Under the key stand setting, value and origin; only the selected activations are shown."""
    lines = shop.activate("list", "--explain", "-s", "vip_customers").stdout.splitlines()
    assert lines[0] == "criteo.vip_customers"
    shown = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[1:]}
    assert shown["destination"] == "criteo activation_defaults (dbt_project.yml:11)"
    assert shown["mapping.email"] == "email destination's defaults (destinations.yml:10)"
    assert shown["mapping.madid"] == "mobile_ad_id activation (models/schema.yml:17)"
    assert shown["on_existing"] == "error built-in default"


def test_settings_are_given_as_json(shop: Shop) -> None:
    """Of each setting its path, its value, who set it and where."""
    newcomers, _ = json.loads(shop.activate("list", "--explain", "--output", "json").stdout)
    assert (newcomers["activation"], newcomers["model"]) == ("criteo.newcomers", "model.shop.newcomers")
    assert newcomers["settings"][0] == {
        "setting": "destination",
        "value": "criteo",
        "source": "activation_defaults",
        "place": "dbt_project.yml:11",
    }


def test_it_needs_neither_credentials_nor_warehouse_and_shows_none(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands beside the defaults of a destination is not shown."""
    monkeypatch.delenv("CRITEO_CLIENT_SECRET")
    (shop.root / "shop.duckdb").unlink()
    result = shop.activate("list", "--explain")
    assert result.exit_code == 0
    assert not any(word in result.output for word in ("client", "sandbox", "73550"))


def test_a_list_of_names_has_no_settings(shop: Shop) -> None:
    """--output name cannot be explained, which is said."""
    result = shop.activate("list", "--explain", "--output", "name")
    assert (result.exit_code, "--output is text or json" in result.output) == (2, True)


def test_what_is_wrong_is_said_before_anything_is_explained(shop: Shop) -> None:
    """Wrong settings are problems as everywhere."""
    shop.configure("newcomers", {"maping": {}})
    result = shop.activate("list", "--explain")
    assert (result.exit_code, "Did you mean 'mapping'?" in result.output) == (1, True)


def test_it_imports_nothing_heavy(shop: Shop) -> None:
    """Neither dbt nor Polars nor a driver is waited for."""
    assert imported_by("list", "--explain") & HEAVY == set()
