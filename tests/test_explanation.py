"""Where settings come from: the layers, the files and the lines, as dbt itself has merged them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dbt_activate import Project
from dbt_activate.config.activation import merge_layers
from dbt_activate.config.explanation import Explanation
from dbt_activate.config.layers import Layer, Source, leaves, origins
from tests.everywhere import activate_everywhere
from tests.shop import BIN, Shop, without_dbt_variables

FILES = {
    "dbt_project.yml": """\
        name: shop
        version: "1.0"
        profile: shop
        flags: {send_anonymous_usage_stats: false}
        models:
          shop:
            +meta:
              activation_defaults: {destination: criteo, hash: plain}
            inner:
              +meta:
                activation_defaults:
                  destination: criteo
                  on_existing: adopt
                  guards: {max_removed: 0.9}
            rendered:
              +meta:
                activation_defaults: {destination: criteo, hash: "{{ 'plain' }}"}
        """,
    "profiles.yml": """\
        shop:
          target: dev
          outputs:
            dev: {type: duckdb, path: shop.duckdb, schema: dev}
        """,
    "destinations.yml": """\
        criteo:
          type: criteo
          targets: [prod]
          client_id: me
          client_secret: "{{ env_var('CRITEO_CLIENT_SECRET') }}"
          advertiser_id: "1"
          defaults:
            mapping:
              email: email
              madid: mobile_ad_id
            guards: {max_removed: 0.4, allow_empty: true}
        """,
    "models/models.yml": """\
        models:
          - name: outer
            description: Everybody
            config:
              meta:
                activation: true
          - name: inner
            config:
              meta:
                activation:
                  - guards: {allow_empty: null}
                  - name: again
                    audience:
                      name: Again
                    mapping:
                      madid: null
          - name: own_defaults
            config:
              meta:
                activation_defaults:
                  destination: criteo
                activation: {schedule: daily}
          - name: rendered
            config: {meta: {activation: {audience: Rendered}}}
          - name: versioned
            versions:
              - v: 1
              - v: 2
                config:
                  meta:
                    activation: {audience: Second}
        """,
    "models/outer.sql": "select 1 as email, 1 as mobile_ad_id",
    "models/inner/inner.sql": "select 1 as email, 1 as mobile_ad_id",
    "models/inner/own_defaults.sql": "select 1 as email, 1 as mobile_ad_id",
    "models/rendered/rendered.sql": "select 1 as email, 1 as mobile_ad_id",
    "models/rendered/called.sql": "{{ config(meta={'activation': 'criteo'}) }} select 1 as email",
    "models/versioned_v1.sql": "select 1 as email, 1 as mobile_ad_id",
    "models/versioned_v2.sql": "select 1 as email, 1 as mobile_ad_id",
}


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Explanation]:
    """A project with settings in every place, parsed by dbt, and all of its explanations."""
    root = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    command = [BIN / "dbt", "--quiet", "parse", "--no-partial-parse"]
    subprocess.run(command, cwd=root, check=True, env=without_dbt_variables())
    return {one.key: one for one in Project(root).explain()}


def line_of(file: str, text: str, nth: int = 1) -> str:
    """Name the place of the n-th line that holds a text."""
    lines = dedent(FILES[file]).splitlines()
    return f"{file}:{[number for number, line in enumerate(lines, 1) if text in line][nth - 1]}"


MODELS, PROJECT, DESTINATIONS = "models/models.yml", "dbt_project.yml", "destinations.yml"
ANYWHERE = "dbt_project.yml, models/models.yml or config()"
IN_CODE = "dbt_project.yml, models/rendered/called.sql or config()"


@pytest.mark.parametrize(
    ("key", "path", "value", "source", "place"),
    [
        ("outer", "destination", "criteo", "activation_defaults", line_of(PROJECT, "hash: plain")),
        ("outer", "hash", "plain", "activation_defaults", line_of(PROJECT, "hash: plain")),
        ("outer", "name", "outer", "the model", line_of(MODELS, "name: outer")),
        ("outer", "audience.name", "outer", "the model", line_of(MODELS, "name: outer")),
        ("outer", "audience.description", "Everybody", "the model", line_of(MODELS, "Everybody")),
        (
            "outer",
            "mapping.madid",
            ["mobile_ad_id"],
            "destination's defaults",
            line_of(DESTINATIONS, "madid"),
        ),
        ("outer", "guards.max_removed", 0.4, "destination's defaults", line_of(DESTINATIONS, "guards")),
        ("outer", "on_existing", "error", "built-in default", ""),
        ("outer", "enabled", True, "built-in default", ""),
        ("inner", "on_existing", "adopt", "activation_defaults", line_of(PROJECT, "adopt")),
        ("inner", "guards.max_removed", 0.9, "activation_defaults", line_of(PROJECT, "0.9")),
        ("inner", "guards.allow_empty", False, "built-in default", ""),
        ("inner", "hash", "sha256", "built-in default", ""),
        ("again", "name", "again", "activation", line_of(MODELS, "name: again")),
        ("again", "audience.name", "Again", "activation", line_of(MODELS, "name: Again")),
        (
            "again",
            "mapping.email",
            ["email"],
            "destination's defaults",
            line_of(DESTINATIONS, "email: email"),
        ),
        (
            "own_defaults",
            "destination",
            "criteo",
            "activation_defaults",
            line_of(MODELS, "destination: criteo"),
        ),
        ("own_defaults", "on_existing", "error", "built-in default", ""),
        ("own_defaults", "schedule.every", "daily", "activation", line_of(MODELS, "daily")),
        ("rendered", "hash", "plain", "activation_defaults", ANYWHERE),
        ("rendered", "audience.name", "Rendered", "activation", line_of(MODELS, "Rendered")),
        ("called", "destination", "criteo", "activation", IN_CODE),
        ("versioned_v2", "audience.name", "Second", "activation", line_of(MODELS, "Second")),
    ],
)
def test_each_value_has_its_source_and_its_line(
    explained: Mapping[str, Explanation], key: str, path: str, value: object, source: str, place: str
) -> None:
    """The last layer that says something is named; the line where it can be told, else where to look."""
    (setting,) = (one for one in explained[f"criteo.{key}"].settings if one.path == path)
    assert (setting.value, setting.origin.source.value, setting.origin.place) == (value, source, place)


def test_what_null_takes_away_is_not_listed(explained: Mapping[str, Explanation]) -> None:
    """A mapping that an activation takes back is none of its settings."""
    assert "mapping.madid" not in explained["criteo.again"].values


KEYS = st.sampled_from(["a", "b"])
SETTINGS = st.dictionaries(
    KEYS, st.recursive(st.sampled_from([1, None]), lambda below: st.dictionaries(KEYS, below), max_leaves=6)
)


def signed(content: Any, source: Source) -> Any:
    """Write into each value of a layer whose it is."""
    if isinstance(content, Mapping):
        return {key: signed(value, source) for key, value in content.items()}
    return content and source


@given(contents=st.lists(SETTINGS, min_size=3, max_size=3))
def test_whoever_said_what_holds_in_the_end_is_its_origin(contents: list[dict[str, Any]]) -> None:
    """Whatever the layers say, null and empty mappings included."""
    sources = (Source.DESTINATION, Source.FOLDER, Source.ACTIVATION)
    layers = [
        Layer(source, signed(content, source), lambda _: "")
        for source, content in zip(sources, contents, strict=True)
    ]
    merged = dict(leaves(merge_layers(*(layer.content for layer in layers))))
    found = {path: origin.source for path, origin in origins(layers).items()}
    assert {path: found.get(path) for path in merged if merged[path]} == {
        path: source for path, source in merged.items() if source
    }


@pytest.mark.parametrize("is_first_on", [True, False])
def test_of_two_with_one_name_the_one_that_is_on_is_explained(shop: Shop, is_first_on: bool) -> None:
    """The other is switched off, for example while a new one is tried."""
    declared = [{"audience": "On"}, {"audience": "Off", "enabled": False}]
    shop.configure("newcomers", declared if is_first_on else declared[::-1])
    (one,) = Project(shop.root).explain("newcomers")
    assert (one.values["audience.name"], one.values["enabled"]) == ("On", True)


def test_what_is_explained_is_what_is_used(shop: Shop) -> None:
    """For every type of destination, the values are those of the activation that a sync would carry out."""
    activate_everywhere(shop)
    project = Project(shop.root)
    explained = {one.key: one.values for one in project.explain()}
    for activation in project.activations():
        values = explained[activation.key]
        assert values["name"] == activation.name
        assert values["destination"] == activation.destination
        assert values["on_existing"] == activation.on_existing
        assert values["retry_rejected"] == activation.retry_rejected
        assert values["guards.max_removed"] == activation.guards.max_removed
        assert values["gates.tests"] == activation.gates.tests
        for key, value in activation.audience.model_dump(mode="json").items():
            assert values[f"audience.{key}"] == value
        for field in activation.fields:
            assert field.column in values[f"mapping.{field.identifier_type.name}"]
            assert values["hash"] == field.form or not field.identifier_type.hashable
    assert len(explained) == len(project.activations()) > 1


def test_a_destination_of_one_identifier_takes_the_last_mapping_whole(shop: Shop) -> None:
    """What an earlier layer maps is no setting then, as in a sync."""
    activate_everywhere(shop)
    shop.rewrite("destinations.yml", lambda text: with_default_mapping(text, "purchasely"))
    declared = {"destination": "purchasely", "audience": "VIPs", "mapping": {"anonymous_id": "email"}}
    shop.configure("vip_customers", declared)
    ((explained,), (used,)) = Project(shop.root).explain(), Project(shop.root).activations()
    mapped = [path for path in explained.values if path.startswith("mapping.")]
    assert mapped == [f"mapping.{field.identifier_type.name}" for field in used.fields]


def with_default_mapping(text: str, name: str) -> str:
    """Let a destination map a column by default."""
    content = yaml.safe_load(text)
    content[name]["defaults"] = {"mapping": {"user_id": "email"}}
    return yaml.safe_dump(content)


def test_warnings_are_explained_with_their_level(shop: Shop) -> None:
    """What is watched by default, what a model adds, and what it switches off."""
    shop.configure("newcomers", {"warnings": {"rejected_share": 0.05, "held": False}})
    (one,) = Project(shop.root).explain("newcomers")
    assert one.values["warnings.rejected_share.value"] == 0.05
    assert one.values["warnings.held"] is False
    assert one.values["warnings.failed.level"] == "error"


def test_a_file_that_is_gone_is_not_needed(shop: Shop) -> None:
    """Where only the artifacts are, values are explained without lines."""
    (shop.root / "models" / "schema.yml").unlink()
    (one,) = Project(shop.root).explain("vip_customers")
    places = {setting.path: setting.origin.place for setting in one.settings}
    assert places["audience.name"] == "dbt_project.yml, models/schema.yml or config()"
    assert places["mapping.email"] == "destinations.yml:10"
    assert os.fspath(Path("models/schema.yml")) in places["audience.description"]
