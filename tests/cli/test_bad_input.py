"""What is wrong in the project, the warehouse or the tool: a clear message, an exit code, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.shop import VIPS, Shop, sha256

Damage = Callable[[Shop], None]


def remove(file: str) -> Damage:
    """Take a file away."""
    return lambda shop: (shop.root / file).unlink()


def write(file: str, text: str) -> Damage:
    """Put a text in place of a file."""
    return lambda shop: shop.rewrite(file, lambda _: text)


def replace(file: str, old: str, new: str) -> Damage:
    """Change a piece of a file."""
    return lambda shop: shop.rewrite(file, lambda text: text.replace(old, new))


def activation(**settings: object) -> Damage:
    """Give the newcomers another activation."""
    return lambda shop: shop.configure("newcomers", settings)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (remove("dbt_project.yml"), ["no dbt_project.yml", "--project-dir"]),
        (remove("target/manifest.json"), ["target/manifest.json", "dbt build"]),
        (write("target/manifest.json", "{"), ["target/manifest.json", "dbt build"]),
        (replace("target/manifest.json", "manifest/v12", "manifest/v99"), ["v99", "dbt-activate"]),
        (
            replace("target/manifest.json", '"project_name": "shop"', '"project_name": "crm"'),
            ["target/manifest.json", "project 'crm'", "this is 'shop'", "--target-path"],
        ),
        (write("profiles.yml", "shop: ["), ["profiles.yml", "not valid YAML"]),
        (
            replace("profiles.yml", "target: prod", "target: prodd"),
            ["profiles.yml", "Did you mean 'prod'?"],
        ),
        (remove("destinations.yml"), ["destinations.yml", "dbt-activate init"]),
        (write("destinations.yml", "criteo: ["), ["destinations.yml", "not valid YAML"]),
        (replace("destinations.yml", "client_id", "client_ids"), ["client_ids", "Did you mean 'client_id'?"]),
        (replace("destinations.yml", "type: criteo", "type: cirteo"), ["Did you mean 'criteo'?"]),
        (activation(destination="cirteo"), ["models/schema.yml", "Did you mean 'criteo'?"]),
        (activation(mapping={"emial": "email"}), ["mapping.emial", "Did you mean 'email'?"]),
        (activation(maping={"email": "email"}), ["maping", "Did you mean 'mapping'?"]),
        (activation(audience="VIP customers"), ["feeds the audience 'VIP customers'", "vip_customers"]),
        (
            replace("dbt_project.yml", "models:", "vars: {dbt_activate: {shema: other}}\nmodels:"),
            ["dbt_project.yml: vars.dbt_activate.shema", "Did you mean 'schema'?"],
        ),
    ],
)
def test_wrong_files(shop: Shop, damage: Damage, said: list[str]) -> None:
    """Whatever is wrong with a file is told with its place and what to do, before anything is sent."""
    damage(shop)
    for command in ("validate", "sync"):
        result = shop.activate(command)
        assert result.exit_code == 1
        assert [part for part in said if part not in result.output] == []
        assert "Traceback" not in result.output
    assert shop.sandbox.traffic.exchanges() == []


def test_artifacts_of_different_invocations(shop: Shop) -> None:
    """What was parsed after the build is matched by name, and --debug tells; a failed model still holds."""
    shop.rebuild(newcomers="error")
    result = shop.activate("sync", "--debug")
    assert "manifest.json and target/run_results.json were written by different invocations" in result.output
    assert (shop.audience("newcomers"), len(shop.audience()["email"])) == ({}, len(VIPS))


def test_results_of_another_project(shop: Shop) -> None:
    """Results that speak of nothing in the manifest open no gate."""
    replace("target/run_results.json", ".shop.", ".crm.")(shop)
    result = shop.activate("sync")
    assert (result.exit_code, "speaks of nothing that is in target/manifest.json" in result.output) == (
        1,
        True,
    )
    assert shop.sandbox.traffic.exchanges() == []


def test_all_problems_are_said_at_once(shop: Shop) -> None:
    """Project, profile, destinations and every model are looked at before the first problem is reported."""
    replace("profiles.yml", "target: prod", "target: prodd")(shop)
    replace("destinations.yml", "targets", "target")(shop)
    activation(maping={"email": "email"})(shop)
    shop.configure("vip_customers", {"guards": {"max_removed": 3}})
    output = shop.activate("validate").output
    for part in ("profiles.yml", "destinations.yml", "newcomers", "maping", "vip_customers", "max_removed"):
        assert part in output


def test_problems_are_data_for_machines(shop: Shop) -> None:
    """A JSON log has each problem by itself, so that CI can show it where it is."""
    shop.configure("newcomers", {"destination": "cirteo", "mapping": {"email": "email"}})
    line = json.loads(shop.activate("validate", "--log-format", "json").stdout.splitlines()[-1])
    assert line["info"]["name"] == "ConfigError"
    (problem,) = line["data"]["problems"]
    assert (problem["file"], problem["where"], problem["key"]) == (
        "models/schema.yml",
        "model newcomers",
        "destination",
    )
    assert problem["hint"] == "Did you mean 'criteo'?"


def test_a_column_that_the_model_lacks(shop: Shop) -> None:
    """The columns that there are come with the message, and the other activation is synced."""
    activation(mapping={"email": "e_mail"})(shop)
    result = shop.activate("sync")
    assert result.exit_code == 1
    assert "has no column 'e_mail'. Did you mean 'email'?" in result.output
    assert shop.audience()["email"] == sha256(VIPS)


def test_a_model_that_was_never_built(shop: Shop) -> None:
    """It says what is missing, and to build it."""
    shop.query("drop table prod.newcomers")
    result = shop.activate("sync", "-s", "newcomers")
    assert result.exit_code == 1
    assert '"shop"."prod"."newcomers" is not in' in result.output
    assert "Build it with dbt" in result.output


def test_nulls_duplicates_and_addresses_that_are_none(shop: Shop) -> None:
    """Nulls and duplicates are no members; what cannot be sent is counted and shown masked, as a warning."""
    shop.hold("newcomers", [None, "a@shop.test", " A@SHOP.test", "a@shop.test", "nobody at home"])
    result = shop.activate("sync", "-s", "newcomers")
    assert result.exit_code == 0
    assert shop.audience("newcomers") == {"email": sha256(["a@shop.test"])}
    assert "1 value of email:sha256 invalid and not sent, such as n… (14 characters)" in result.output
    assert "nobody at home" not in result.output
    assert "PASS=0 WARN=1 ERROR=0" in result.output


@pytest.mark.parametrize(
    ("left", "guard", "waiver"),
    [(0, "allow_empty", "--allow-empty"), (5, "max_removed", "--allow-mass-removal")],
)
@pytest.mark.parametrize("command", ["plan", "sync"])
def test_a_guard_stops_a_run(shop: Shop, command: str, left: int, guard: str, waiver: str) -> None:
    """A segment that is empty or lost half its rows sends nothing until a person allows it once."""
    shop.activate("sync", "-s", "newcomers")
    before = shop.audience("newcomers")
    remaining = [f"new{number}@shop.test" for number in range(1, left + 1)]
    shop.hold("newcomers", remaining)
    stopped = shop.activate(command, "-s", "newcomers")
    assert stopped.exit_code == 1
    assert "GUARD stopped criteo.newcomers" in stopped.output
    assert guard in stopped.output
    assert waiver in stopped.output
    assert shop.audience("newcomers") == before
    assert shop.activate("sync", "-s", "newcomers", waiver).exit_code == 0
    assert shop.audience("newcomers").get("email", set()) == sha256(remaining)


def test_wrong_credentials(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The credentials are named as the cause, are not shown, and once they are right all is well."""
    monkeypatch.setenv("CRITEO_CLIENT_SECRET", "wrong-secret")
    result = shop.activate("sync", "--debug")
    assert result.exit_code == 1
    assert "Check client_id and client_secret in destinations.yml" in result.output
    assert "wrong-secret" not in result.output
    monkeypatch.setenv("CRITEO_CLIENT_SECRET", "sandbox-secret")
    assert shop.activate("sync").exit_code == 0
    assert shop.audience()["email"] == sha256(VIPS)


def test_missing_credentials(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set is named, and nothing is sent anywhere."""
    monkeypatch.delenv("CRITEO_CLIENT_SECRET")
    result = shop.activate("sync")
    assert result.exit_code == 1
    assert "CRITEO_CLIENT_SECRET" in result.output
    assert "destinations.yml:5: destination criteo: client_secret" in result.output


def test_an_advertiser_out_of_reach(shop: Shop) -> None:
    """The check lists the ad accounts in reach and says how to get another one."""
    replace("destinations.yml", "73550", "12345")(shop)
    checked = shop.activate("debug")
    assert checked.exit_code == 1
    assert "99001  Shop DE" in checked.output
    assert "advertiser_id 12345 is not among them." in checked.output
    assert "consent" in checked.output
    synced = shop.activate("sync", "-s", "newcomers")
    assert synced.exit_code == 1
    assert "permission" in synced.output


def test_an_audience_of_somebody_else(shop: Shop) -> None:
    """It is left alone until the user says adopt, and its members stay then, too."""
    shop.sandbox.criteo.add_audience("newcomers", members={"email": ["stranger"]})
    result = shop.activate("sync", "-s", "newcomers")
    assert result.exit_code == 1
    assert "which this activation did not make" in result.output
    assert "on_existing: adopt" in result.output
    assert shop.audience("newcomers") == {"email": {"stranger"}}
    activation(on_existing="adopt")(shop)
    assert shop.activate("sync", "-s", "newcomers").exit_code == 0
    assert len(shop.audience("newcomers")["email"]) == 11


def test_a_manifest_of_another_target(shop: Shop) -> None:
    """The people of one target are never sent in the name of another."""
    result = shop.activate("sync", "--target", "dev")
    assert result.exit_code == 1
    assert "was written for another target" in result.output
    assert "dbt build --target dev" in result.output


def test_vars_that_are_none(shop: Shop) -> None:
    """A wrong command line is another exit code than a wrong project."""
    result = shop.activate("sync", "--vars", "[1]")
    assert result.exit_code == 2
    assert "must be a mapping" in result.output


def test_what_nobody_foresaw(shop: Shop) -> None:
    """A bug is one line and exit code 2; its traceback is for those who ask."""
    manifest = json.loads((shop.root / "target" / "manifest.json").read_text())
    manifest["nodes"]["model.shop.newcomers"]["depends_on"] = 3
    (shop.root / "target" / "manifest.json").write_text(json.dumps(manifest))
    result = shop.activate("list")
    assert result.exit_code == 2
    assert "Run with --debug for the traceback." in result.output
    assert "Traceback" not in result.output
    assert "Traceback" in shop.activate("list", "--debug").output
