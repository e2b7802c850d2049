"""What a model's file says of its columns, held against what is mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbt_activate.config.activations import read_activations
from dbt_activate.config.destinations_file import read_destinations
from dbt_activate.config.governance import null_hints
from dbt_activate.dbt.manifest import Manifest, Metadata
from dbt_activate.dbt.project import read_project
from dbt_activate.errors import ConfigError

DESTINATIONS = """
criteo: {type: criteo, targets: [prod], client_id: a, client_secret: "{{ env_var('S') }}", advertiser_id: "1"}
folder: {type: files, targets: [prod], url: /data/out}
partner: {type: files, targets: [prod], url: /data/partner, defaults: {allow_plain: [email]}}
"""
PII = {"config": {"meta": {"pii": True}}}


def model(activation: Any, **keys: Any) -> dict[str, Any]:
    """Make a model as dbt writes it."""
    config = {"materialized": "table", "meta": {"activation": activation}, **keys.pop("config", {})}
    named = {"resource_type": "model", "package_name": "shop", "name": "vip", "relation_name": "main.vip"}
    return {**named, "original_file_path": "models/vip.sql", "config": config, **keys}


def manifest(*nodes: dict[str, Any]) -> Manifest:
    """Make the manifest of some models and tests."""
    return Manifest("", Metadata(), {one.get("unique_id", "model.shop.vip"): one for one in nodes})


def findings(folder: Path, *nodes: dict[str, Any]) -> list[str]:
    """Read the activations of a project; return what is wrong with them."""
    (folder / "dbt_project.yml").write_text("name: shop")
    (folder / "destinations.yml").write_text(DESTINATIONS)
    destinations = read_destinations(read_project(folder, environment={}))
    try:
        read_activations(manifest(*nodes), destinations)
    except ConfigError as error:
        return [str(problem).removeprefix("models/vip.sql: model vip: ") for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("column", "is_marked"),
    [
        (PII, True),
        ({"meta": {"pii": True}}, True),
        ({"meta": {"pii": "yes"}}, True),
        ({"meta": {"pii": "email"}}, True),
        ({"meta": {"pii": True}, "config": {"meta": {"owner": "crm"}}}, True),
        ({"config": {"meta": {"pii": False}}}, False),
        ({"meta": {"pii": "No"}}, False),
        ({"config": {"meta": None}}, False),
        ({}, False),
    ],
)
def test_personal_data_is_never_sent_as_it_is(tmp_path: Path, column: Any, is_marked: bool) -> None:
    """A column that is marked, in either place of dbt, is refused plain; whatever is no clear no is a yes."""
    plain = {"destination": "folder", "mapping": {"email": "email"}}
    found = findings(tmp_path, model(plain, columns={"email": column}))
    said = (
        "mapping.email: column 'email' is marked as personal data (meta.pii), and would be sent as it is. "
        "Set hash: sha256, or allow it with allow_plain: [email]."
    )
    assert found == ([said] if is_marked else [])


@pytest.mark.parametrize(
    "activation",
    [
        {"destination": "criteo", "mapping": {"email": "email"}},
        {"destination": "folder", "mapping": {"email": "email"}, "hash": "sha256"},
        {"destination": "folder", "mapping": {"email": "email"}, "allow_plain": ["other", "EMAIL"]},
        {"destination": "folder", "mapping": {"email": "email"}, "allow_plain": "email"},
        {"destination": "folder", "mapping": {"email": "other"}},
        {"destination": "partner", "mapping": {"email": "email"}},
    ],
)
def test_personal_data_goes_out_hashed_or_allowed(tmp_path: Path, activation: Any) -> None:
    """Hashed by us it needs no allowance; an allowance is as good as a default of the destination."""
    assert findings(tmp_path, model(activation, columns={"Email": PII})) == []


def test_what_cannot_be_hashed_has_to_be_allowed(tmp_path: Path) -> None:
    """The hint does not tell to hash what no tool takes hashed."""
    activation = {"destination": "criteo", "mapping": {"madid": "phone_id"}}
    [said] = findings(tmp_path, model(activation, columns={"phone_id": PII}))
    assert said.endswith(
        "madid cannot be hashed: map another column, or allow it with allow_plain: [phone_id]."
    )


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"email": {"data_type": "varchar"}}, None),
        ({"EMAIL": {"data_type": "number(38)"}}, None),
        (
            {"e_mail": {"data_type": "text"}},
            "the contract of vip has no column 'email'. Did you mean 'e_mail'?",
        ),
        ({}, "the contract of vip has no column 'email'."),
        (
            {"email": {"data_type": "double precision"}},
            "of type double precision in the contract of vip, in which",
        ),
        ({"email": {"data_type": "FLOAT64"}}, "7 reads 7.0 and long numbers lose their last digits"),
        ({"email": {"data_type": "real"}}, "Make it text or an integer"),
    ],
)
def test_a_contract_says_what_the_columns_are(tmp_path: Path, columns: Any, said: str | None) -> None:
    """What the warehouse would refuse at the first sync is known before anything is built."""
    activation = {"destination": "criteo", "mapping": {"email": "email"}}
    found = findings(tmp_path, model(activation, columns=columns, config={"contract": {"enforced": True}}))
    assert (len(found), said is None or said in found[0]) == (0 if said is None else 1, True)
    assert findings(tmp_path, model(activation, columns=columns)) == []


def not_null(column: str, **keys: Any) -> dict[str, Any]:
    """Make dbt's test of a column."""
    test = {"resource_type": "test", "unique_id": f"test.shop.not_null_{column}", "column_name": column}
    return {**test, "test_metadata": {"name": "not_null"}, "attached_node": "model.shop.vip", **keys}


@pytest.mark.parametrize(
    ("nodes", "is_hinted"),
    [
        ([], True),
        ([not_null("email")], False),
        ([not_null("EMAIL")], False),
        ([not_null("other")], True),
        ([not_null("email", attached_node="model.shop.other")], True),
        ([not_null("email", attached_node=None, depends_on={"nodes": ["model.shop.vip"]})], False),
        ([not_null("email", test_metadata={"name": "unique"})], True),
        ([not_null("email", test_metadata={"name": "expect_column_values_to_not_be_null"})], False),
    ],
)
def test_a_key_that_may_be_null_is_hinted_at(tmp_path: Path, nodes: Any, is_hinted: bool) -> None:
    """Where no mapped column is tested, one hint stands for all activations of the model."""
    twice = [{"destination": "criteo", "mapping": {"email": ["email", "second"]}}]
    whole = manifest(model([*twice, {**twice[0], "name": "again", "audience": "Again"}]), *nodes)
    findings(tmp_path)
    activations = read_activations(whole, read_destinations(read_project(tmp_path, environment={}))).items
    hints = list(map(str, null_hints(whole, activations)))
    said = (
        "models/vip.sql: model vip: no test says that any of email, second is not null, and a row without "
        "identifier is nobody. Add not_null to its data_tests."
    )
    assert hints == ([said] if is_hinted else [])


def test_a_contract_can_say_that_a_column_is_never_null(tmp_path: Path) -> None:
    """A constraint is as good as a test."""
    column = {"data_type": "text", "constraints": [{"type": "not_null"}]}
    activation = {"destination": "criteo", "mapping": {"email": "email"}}
    whole = manifest(model(activation, columns={"email": column}, config={"contract": {"enforced": True}}))
    findings(tmp_path)
    activations = read_activations(whole, read_destinations(read_project(tmp_path, environment={}))).items
    assert list(null_hints(whole, activations)) == []
