"""Reading activations from the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbt_activate.config.activation import Activation, Guards, OnExisting
from dbt_activate.config.activations import Activations, read_activations
from dbt_activate.config.destinations_file import Destinations, read_destinations
from dbt_activate.dbt.manifest import Manifest, Metadata
from dbt_activate.dbt.project import read_project
from dbt_activate.errors import ConfigError

ENTRY = """
  type: criteo
  targets: [prod]
  client_id: "{{ env_var('CRITEO_CLIENT_ID') }}"
  client_secret: "{{ env_var('CRITEO_CLIENT_SECRET') }}"
"""
CRITEO = f'criteo:{ENTRY}  advertiser_id: "73550"\n'
CRITEO_WITH_DEFAULTS = f"{CRITEO}  defaults: {{mapping: {{email: email}}, guards: {{max_removed: 0.2}}}}\n"
OTHER = f'other:{ENTRY}  advertiser_id: "99"\n'
TWIN = f'twin:{ENTRY}  advertiser_id: "73550"\n'

MAPPING = {"email": "email"}


def node(name: str = "vip", declared: Any = None, **keys: Any) -> dict[str, Any]:
    """Make a node as dbt writes it, with something under ``config.meta.activation``."""
    meta = {} if declared is None else {"activation": declared}
    config = {"materialized": "table", "meta": meta | keys.pop("meta", {})}
    return {
        "resource_type": "model",
        "package_name": "shop",
        "name": name,
        "relation_name": f'"shop"."main"."{name}"',
        "description": f"About {name}\n",
        "patch_path": "shop://models/schema.yml",
        "config": config,
    } | keys


def read(folder: Path, *nodes: dict[str, Any], destinations: str = CRITEO) -> Activations:
    """Read the activations of a project that consists of some nodes."""
    kinds = ((f"{one['resource_type']}.{one['package_name']}.{one['name']}", one) for one in nodes)
    resources = {f"{id_}.v{one.get('version', 0)}": one for id_, one in kinds}
    manifest = Manifest("target/manifest.json", Metadata(), resources)
    return read_activations(manifest, write(folder, destinations))


def write(folder: Path, text: str) -> Destinations:
    """Write and read ``destinations.yml``; no environment variable is set."""
    (folder / "dbt_project.yml").write_text("name: shop")
    (folder / "destinations.yml").write_text(text)
    return read_destinations(read_project(folder, environment={}))


def one(folder: Path, declared: Any, destinations: str = CRITEO, **keys: Any) -> Activation:
    """Read the only activation of a project."""
    (activation,) = read(folder, node(declared=declared, **keys), destinations=destinations).items
    return activation


def problems(folder: Path, *nodes: dict[str, Any], destinations: str = CRITEO) -> list[str]:
    """Return all that is wrong with a project, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        read(folder, *nodes, destinations=destinations)
    return [str(problem).removeprefix("models/schema.yml: ") for problem in caught.value.problems]


def test_fills_in_the_defaults(tmp_path: Path) -> None:
    """An activation has its model's name and description, and cautious guards; no secret is needed."""
    activation = one(tmp_path, {"destination": "criteo", "mapping": MAPPING})
    assert (activation.key, activation.audience.name) == ("criteo.vip", "vip")
    assert activation.audience.description == "About vip"
    assert (activation.guards, activation.on_existing) == (Guards(0.3, allow_empty=False), OnExisting.ERROR)
    assert activation.retry_rejected
    assert [(field.member_type, field.column) for field in activation.fields] == [("email:sha256", "email")]


def test_takes_every_setting(tmp_path: Path) -> None:
    """What the activation says is what it gets."""
    declared = {
        "destination": "criteo",
        "name": "big_spenders",
        "audience": {"name": "VIP customers", "description": "Best", "remote_id": 42},
        "mapping": {"email": ["email", "backup_email"], "madid": "mobile_ad_id"},
        "hash": "plain",
        "guards": {"max_removed": 1, "allow_empty": True},
        "on_existing": "adopt",
        "retry_rejected": False,
    }
    activation = one(tmp_path, declared)
    assert (activation.key, activation.on_existing) == ("criteo.big_spenders", OnExisting.ADOPT)
    assert (activation.audience.name, activation.audience.remote_id) == ("VIP customers", "42")
    assert (activation.guards, activation.retry_rejected) == (Guards(1.0, allow_empty=True), False)
    assert [(field.member_type, field.column) for field in activation.fields] == [
        ("email", "email"),
        ("email", "backup_email"),
        ("madid", "mobile_ad_id"),
    ]


def test_only_hashable_types_are_hashed(tmp_path: Path) -> None:
    """``hash: sha256`` leaves a mobile advertising id as it is."""
    mapping = {"email": "email", "madid": "mobile_ad_id"}
    activation = one(tmp_path, {"destination": "criteo", "mapping": mapping, "hash": "sha256"})
    assert [field.member_type for field in activation.fields] == ["email:sha256", "madid"]


@pytest.mark.parametrize(
    "declared", ["criteo", {"destination": "criteo"}, ["criteo"], [{"destination": "criteo"}]]
)
def test_one_line_is_enough_where_defaults_suffice(tmp_path: Path, declared: Any) -> None:
    """With defaults, activating a segment is naming its destination."""
    assert one(tmp_path, declared, CRITEO_WITH_DEFAULTS).guards.max_removed == 0.2


def test_true_is_enough_where_the_folder_names_the_destination(tmp_path: Path) -> None:
    """A folder may say where its segments go, and a model that it goes there."""
    meta = {"activation_defaults": {"destination": "criteo"}}
    assert one(tmp_path, True, CRITEO_WITH_DEFAULTS, meta=meta).key == "criteo.vip"


def test_layers_merge_deeply(tmp_path: Path) -> None:
    """Destination, folder, activation: each adds to what is below; lists replace, and null removes."""
    defaults = "mapping: {email: [a, b], madid: m, gum: g}, guards: {max_removed: 0.1}, on_existing: adopt"
    destinations = f"{CRITEO}  defaults: {{{defaults}, audience: low}}\n"
    folder = {"mapping": {"madid": "n"}, "guards": {"allow_empty": True}, "audience": {"description": "d"}}
    own = {"destination": "criteo", "mapping": {"email": ["c"], "gum": None}, "on_existing": None}
    activation = one(tmp_path, own, destinations, meta={"activation_defaults": folder})
    assert [(field.identifier_type.name, field.column) for field in activation.fields] == [
        ("email", "c"),
        ("madid", "n"),
    ]
    assert activation.guards == Guards(0.1, allow_empty=True)
    assert activation.on_existing is OnExisting.ERROR
    assert (activation.audience.name, activation.audience.description) == ("low", "d")


def test_a_list_makes_several(tmp_path: Path) -> None:
    """One segment may feed several audiences."""
    declared = [
        {"destination": "criteo", "mapping": MAPPING},
        {"destination": "other", "mapping": MAPPING},
        {"destination": "criteo", "name": "again", "mapping": MAPPING},
    ]
    found = read(tmp_path, node(declared=declared), destinations=CRITEO + OTHER)
    assert [activation.key for activation in found.items] == ["criteo.vip", "other.vip", "criteo.again"]


def test_versions_are_activations_of_their_own(tmp_path: Path) -> None:
    """The versions of a model do not feed one audience by mistake."""
    declared = {"destination": "criteo", "mapping": MAPPING}
    found = read(tmp_path, *(node(declared=declared, version=version) for version in (1, 2)))
    assert [activation.key for activation in found.items] == ["criteo.vip_v1", "criteo.vip_v2"]


@pytest.mark.parametrize(
    "declared", [False, {"destination": "criteo", "enabled": False}, [{"enabled": False}, False]]
)
def test_what_is_disabled_is_not_there(tmp_path: Path, declared: Any) -> None:
    """A disabled activation needs neither a mapping nor a name of its own."""
    other = node("other", {"destination": "criteo", "name": "vip", "mapping": MAPPING, "audience": "vip"})
    assert [one.model.name for one in read(tmp_path, node(declared=declared), other).items] == ["other"]


def test_seeds_and_snapshots_can_be_activated(tmp_path: Path) -> None:
    """Whatever dbt makes a relation of is a segment."""
    declared = {"destination": "criteo", "mapping": MAPPING}
    found = read(
        tmp_path,
        node("people", declared, resource_type="seed"),
        node("history", declared, resource_type="snapshot"),
    )
    assert [activation.key for activation in found.items] == ["criteo.people", "criteo.history"]


def test_all_problems_of_a_project_are_told_at_once(tmp_path: Path) -> None:
    """Every model and every destination is checked, in a stable order, with what was probably meant."""
    found = problems(
        tmp_path,
        node(
            "b", [{"destination": "criteo", "maping": MAPPING}, {"destination": "critoe", "mapping": MAPPING}]
        ),
        node("a", {"destination": "criteo", "mapping": {"emial": "x"}, "guards": {"max_remove": 0.1}}),
        node("c", {"destination": "criteo", "mapping": {"emial": "x"}}),
        node("d", {"destination": "criteo"}),
        node("e", {"mapping": MAPPING}),
        node("f", 5),
        destinations=f"{CRITEO}broken: {{type: criteo}}\n",
    )
    assert [line.partition(". ")[0] for line in found if line.startswith("model")] == [
        "model a: guards.max_remove: is not a key that is known here",
        "model b, activation 1: maping: is not a key that is known here",
        "model b, activation 2: destination: there is no 'critoe' in destinations.yml",
        "model c: mapping.emial: Criteo does not know it",
        "model d: mapping: is required: it says which column is which identifier",
        "model e: destination: is required",
        "model f: must be a destination's name, or a mapping of keys to values.",
    ]
    assert found[0].startswith("destinations.yml:")
    hints = ("'max_removed'", "'mapping'", "'criteo'", "'email'")
    assert all(any(f"Did you mean {hint}?" in line for line in found) for hint in hints)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"guards": {"max_removed": 2}}, "guards.max_removed: must be less than or equal to 1."),
        ({"guards": True}, "guards: must be a mapping of keys to values."),
        ({"hash": "md5"}, "hash: must be 'plain' or 'sha256'."),
        ({"on_existing": "x"}, "on_existing: must be 'error', 'adopt' or 'replace'."),
        ({"mapping": {"email": 5}}, "mapping.email: must be the name of a column, or a list of them."),
        ({"mapping": {"email": []}}, "mapping.email: must be the name of a column, or a list of them."),
        ({"mapping": {}}, "mapping: is required: it says which column is which identifier. Criteo takes"),
        ({"audience": {"nmae": "x"}}, "audience.nmae: is not a key that is known here. Did you mean 'name'?"),
        ({"audience": 5}, "audience: must be a mapping of keys to values."),
        ({"name": 5}, "name: must be text. Put it in quotes."),
        ({"warnings": {"held": 3}}, "warnings.held: must be true, false, warn or error"),
        ({"mapping": {"gum": "g"}}, "mapping: gum needs gum_caller_id in destinations.yml"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, setting: dict[str, Any], message: str) -> None:
    """A wrong value is told with its dotted key, and what is right."""
    declared = {"destination": "criteo", "mapping": MAPPING} | setting
    (found,) = problems(tmp_path, node(declared=declared))
    assert found.startswith(f"model vip: {message}")


def test_an_ephemeral_model_cannot_be_activated(tmp_path: Path) -> None:
    """A model without a relation is told to have one."""
    declared = {"destination": "criteo", "mapping": MAPPING}
    (found,) = problems(tmp_path, node(declared=declared, relation_name=None))
    assert found == "model vip: is ephemeral: it has no relation to read. Make it a table or a view."


def test_a_wrong_default_is_told_once_and_where_it_stands(tmp_path: Path) -> None:
    """A default that reaches many models is one problem, of the destination or of the folder."""
    meta = {"activation_defaults": {"gards": {}, "name": "x"}}
    models = [node(name, "criteo", meta=meta) for name in ("a", "b", "c")]
    destinations = f"{CRITEO}  defaults: {{destination: criteo, mpaping: {{}}}}\n"
    found = problems(tmp_path, *models, destinations=destinations)
    assert [line.partition(". ")[0] for line in found] == [
        "destinations.yml:1: destination criteo: defaults.mpaping: is not a key that is known here",
        "destinations.yml:1: destination criteo: defaults.destination: cannot be a default",
        "model a: meta.activation_defaults.gards: is not a key that is known here",
        "model a: meta.activation_defaults.name: cannot be a default",
    ]


def test_two_activations_of_one_audience_are_an_error(tmp_path: Path) -> None:
    """Two entries for one ad account with one audience name would remove each other's members."""
    declared = [{"destination": name, "mapping": MAPPING, "audience": "VIP"} for name in ("criteo", "twin")]
    (found,) = problems(tmp_path, node(declared=declared), destinations=CRITEO + TWIN)
    assert found.startswith(
        "model vip, activation 2: audience: feeds the audience 'VIP', as model vip, activation 1 in "
        "models/schema.yml does."
    )


def test_one_remote_id_is_one_audience(tmp_path: Path) -> None:
    """The same remote id under two names is one audience, too."""
    models = [
        node(
            name, {"destination": "criteo", "mapping": MAPPING, "audience": {"name": name, "remote_id": "7"}}
        )
        for name in ("a", "b")
    ]
    (found,) = problems(tmp_path, *models)
    assert found.startswith(
        "model b: audience: feeds the audience 'b', as model a in models/schema.yml does."
    )


def test_names_of_audiences_differ_by_case_and_account(tmp_path: Path) -> None:
    """Another spelling, or another ad account, is another audience."""
    models = [
        node("a", {"destination": "criteo", "mapping": MAPPING, "audience": "VIP"}),
        node("b", {"destination": "criteo", "mapping": MAPPING, "audience": "vip"}),
        node("c", {"destination": "other", "mapping": MAPPING, "audience": "VIP"}),
    ]
    assert len(read(tmp_path, *models, destinations=CRITEO + OTHER).items) == 3


def test_two_activations_of_one_name_are_an_error(tmp_path: Path) -> None:
    """Models of one name in two packages, and two activations in a list, need names of their own."""
    declared = {"destination": "criteo", "mapping": MAPPING}
    models = [node(declared={**declared, "audience": name}, package_name=name) for name in ("one", "two")]
    (found,) = problems(tmp_path, *models)
    assert found.startswith("model vip: name: criteo.vip is the name of model vip in models/schema.yml, too.")
    (found,) = problems(tmp_path, node(declared=[declared, declared]))
    assert found.endswith("Give one of the two a `name:` of its own.")


def test_the_old_place_is_read_and_noted(tmp_path: Path) -> None:
    """``meta`` beside ``config`` works, with a note that it is deprecated."""
    old = node(meta={}) | {"meta": {"activation": {"destination": "criteo", "mapping": MAPPING}}}
    found = read(tmp_path, old)
    assert [activation.key for activation in found.items] == ["criteo.vip"]
    assert str(found.notes[0]).startswith("models/schema.yml: model vip: meta.activation: stands in a `meta`")


def test_notes_of_the_destinations_are_kept(tmp_path: Path) -> None:
    """A secret in clear is warned about by whatever reads the activations."""
    clear = CRITEO.replace("\"{{ env_var('CRITEO_CLIENT_SECRET') }}\"", "hunter2")
    notes = read(tmp_path, destinations=clear).notes
    assert [note.key for note in notes] == ["client_secret"]
    assert "hunter2" not in str(notes)


BATCH = """
batch:
  type: batch
  targets: [prod]
  rest_api_key: "{{ env_var('BATCH_REST_API_KEY') }}"
  project_key: project_01
"""


def test_where_one_identifier_is_taken_the_last_mapping_holds_alone(tmp_path: Path) -> None:
    """What a folder maps for other destinations is no obstacle, and need not be taken away."""
    defaults = {"activation_defaults": {"mapping": {"email": "email"}}}
    own = {"destination": "batch", "mapping": {"customer_id": "id"}, "audience": {"api_name": "vip"}}
    activation = one(tmp_path, own, BATCH, meta=defaults)
    assert [(field.identifier_type.name, field.column) for field in activation.fields] == [
        ("customer_id", "id")
    ]
    both = {**own, "mapping": {"customer_id": "id", "email": "email"}}
    assert any(
        "takes one" in problem for problem in problems(tmp_path, node(declared=both), destinations=BATCH)
    )
