"""``exposures``: activations in dbt's lineage, as dbt itself reads them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt_activate import ConfigError, Project
from tests.shop import BIN, Shop, without_dbt_variables

FILE = "models/exposures/dbt_activate.yml"
PROBE = Path(__file__).parents[1] / "example" / "deprecations.py"
NASTY = 'Best {{ customers }}: "50 %" {# 1 #} {% if %}'


def written(shop: Shop) -> list[dict[str, Any]]:
    """Write the project's file, and return the exposures in it."""
    result = shop.activate("exposures")
    assert result.exit_code == 0, result.output
    content = yaml.safe_load((shop.root / FILE).read_text())
    assert content["version"] == 2
    exposures: list[dict[str, Any]] = content["exposures"]
    return exposures


def configure_project(shop: Shop, exposures: Any) -> None:
    """Set what the project says of exposures."""
    settings = yaml.safe_dump({"vars": {"dbt_activate": {"exposures": exposures}}})
    shop.rewrite("dbt_project.yml", lambda text: f"{text}\n{settings}")


def test_dbt_reads_them_without_a_warning(shop: Shop) -> None:
    """They stand in the manifest, hence in dbt's docs, with owner, text and parent; no name is rendered."""
    shop.configure("vip_customers", {"audience": NASTY, "mapping": {"madid": "mobile_ad_id"}})
    manifest = json.loads((shop.root / "target/manifest.json").read_text())
    manifest["nodes"]["model.shop.vip_customers"]["description"] = "Who {{ spend }}\nmost"
    (shop.root / "target/manifest.json").write_text(json.dumps(manifest))
    configure_project(shop, {"owner": {"name": "CRM", "email": "crm@shop.test"}})
    assert len(written(shop)) == 2
    command = [sys.executable, PROBE, shop.root, shop.root / "parsed"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=without_dbt_variables())
    assert done.stdout == ""
    exposures = json.loads((shop.root / "parsed/manifest.json").read_text())["exposures"]
    vips = exposures["exposure.shop.criteo_vip_customers"]
    assert vips["depends_on"]["nodes"] == ["model.shop.vip_customers"]
    assert (vips["label"], vips["type"]) == (f"{NASTY} (Criteo)", "application")
    assert vips["owner"] == {"email": "crm@shop.test", "name": "CRM"}
    assert vips["description"] == "Who {{ spend }}\nmost"
    assert vips["config"]["tags"] == ["activation"]
    assert vips["config"]["meta"]["dbt_activate"] == {
        "activation": "criteo.vip_customers",
        "destination": "criteo",
        "type": "criteo",
        "audience": NASTY,
        "identifiers": {"email:sha256": ["email"], "madid": ["mobile_ad_id"]},
    }


def test_once_dbt_knows_them_nothing_changes(shop: Shop) -> None:
    """They are listed by dbt; activations are read as before, and the file stays up to date."""
    before = written(shop)
    listed = ["dbt", "--quiet", "ls", "--resource-type", "exposure"]
    environment = {**without_dbt_variables(), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(listed, check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["exposure:shop.criteo_newcomers", "exposure:shop.criteo_vip_customers"]
    manifest = json.loads((shop.root / "target/manifest.json").read_text())
    assert "exposure.shop.criteo_newcomers" in manifest["exposures"]
    assert shop.activate("list", "--output", "name").stdout == "criteo.newcomers\ncriteo.vip_customers\n"
    assert shop.activate("exposures", "--check").exit_code == 0
    assert written(shop) == before


def test_a_private_model_is_named_and_not_depended_on(shop: Shop) -> None:
    """An exposure that depends on what is private to a group stops dbt from parsing the project."""
    shop.rewrite(
        "models/schema.yml",
        lambda text: text.replace(
            "  - name: newcomers\n", "  - name: newcomers\n    access: private\n    group: crm\n"
        ).replace("version: 2\n", "version: 2\ngroups: [{name: crm, owner: {name: CRM}}]\n"),
    )
    parse = [BIN / "dbt", "--quiet", "parse"]
    subprocess.run(parse, check=True, env=without_dbt_variables())
    result = shop.activate("exposures")
    assert "criteo.newcomers: its model is private to the group crm" in result.output
    [newcomers, vips] = yaml.safe_load((shop.root / FILE).read_text())["exposures"]
    assert "depends_on" not in newcomers
    assert newcomers["config"]["meta"]["dbt_activate"]["model"] == "newcomers"
    assert vips["depends_on"] == ["ref('vip_customers')"]
    subprocess.run(parse, check=True, env=without_dbt_variables())


def test_an_unchanged_file_is_not_written_again(shop: Shop) -> None:
    """Neither git nor a file watcher sees a change; a changed activation is one change."""
    assert "is written, with 2 exposures" in shop.activate("exposures").output
    path = shop.root / FILE
    os.utime(path, (0, 0))
    assert "is up to date" in shop.activate("exposures").output
    assert path.stat().st_mtime == 0
    before = path.read_text().splitlines()
    shop.configure("newcomers", {"audience": "New here"})
    shop.activate("exposures")
    after = path.read_text().splitlines()
    assert [line for line in after if line not in before] == [
        "  label: New here (Criteo)",
        "        audience: New here",
    ]


def test_check_fails_where_the_file_is_not_up_to_date(shop: Shop) -> None:
    """For CI: it writes nothing, and says what to run."""
    result = shop.activate("exposures", "--check")
    assert (result.exit_code, "Run `dbt-activate exposures`" in result.output) == (1, True)
    assert not (shop.root / FILE).exists()
    shop.activate("exposures")
    assert shop.activate("exposures", "--check").exit_code == 0
    shop.configure("newcomers", None)
    assert shop.activate("exposures", "--check").exit_code == 1


def test_they_can_be_written_elsewhere(shop: Shop) -> None:
    """To another file, or to stdout, which then holds nothing else."""
    shown = shop.activate("exposures", "--output-file", "-").stdout
    assert shop.activate("exposures", "--output-file", "other/place.yml").exit_code == 0
    assert (shop.root / "other/place.yml").read_text() == shown
    assert not (shop.root / FILE).exists()
    assert shop.activate("exposures", "--output-file", "-", "--check").exit_code == 2


def test_the_models_folder_is_the_projects_own(shop: Shop) -> None:
    """``model-paths`` says where dbt looks for them."""
    shop.rewrite("dbt_project.yml", lambda text: f"{text}\nmodel-paths: [transform, models]\n")
    shop.activate("exposures")
    assert (shop.root / "transform/exposures/dbt_activate.yml").is_file()


@pytest.mark.parametrize("content", ["exposures: []\n", b"\xff\xfe"])
def test_a_file_that_is_not_ours_stays(shop: Shop, content: str | bytes) -> None:
    """Exposures that a person wrote are not lost."""
    path = shop.root / FILE
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = shop.activate("exposures")
    assert (result.exit_code, FILE in result.output) == (1, True)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())


def test_it_needs_neither_credentials_nor_warehouse(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a profile."""
    monkeypatch.delenv("CRITEO_CLIENT_SECRET")
    (shop.root / "shop.duckdb").unlink()
    (shop.root / "profiles.yml").unlink()
    assert len(written(shop)) == 2


def test_names_are_valid_and_differ(shop: Shop) -> None:
    """Every name is dbt's kind of name; activations whose names would be one are told apart for good."""
    by_email = {"mapping": {"email": "email"}}
    names = ["größte kunden", "a b", "a.b"]
    declared = [{"name": name, "audience": name, **by_email} for name in names]
    shop.configure("newcomers", declared)
    found = [one["name"] for one in written(shop)]
    assert len(set(found)) == 4
    assert found == sorted(found)
    assert all(name.isascii() and name.isidentifier() for name in found)
    shop.configure("newcomers", declared[::-1])
    assert [one["name"] for one in written(shop)] == found


def test_a_name_that_the_project_has_already_is_left_to_it(shop: Shop) -> None:
    """Two exposures of one name are refused by dbt."""
    path = shop.root / "target/manifest.json"
    manifest = json.loads(path.read_text())
    own = {"resource_type": "exposure", "package_name": "shop", "name": "criteo_newcomers", "config": {}}
    manifest["exposures"] = {"exposure.shop.criteo_newcomers": own}
    path.write_text(json.dumps(manifest))
    first, second = (one["name"] for one in written(shop))
    assert first.startswith("criteo_newcomers_")
    assert second == "criteo_vip_customers"


def test_models_of_packages_and_versions_are_named_in_full(shop: Shop) -> None:
    """The reference says package and version where dbt needs them."""
    path = shop.root / "target/manifest.json"
    manifest = json.loads(path.read_text())
    newcomers = manifest["nodes"]["model.shop.newcomers"]
    newcomers["package_name"], newcomers["version"] = "crm", 2
    manifest["nodes"]["model.shop.vip_customers"]["version"] = "beta"
    path.write_text(json.dumps(manifest))
    refs = [one["depends_on"] for one in written(shop)]
    assert refs == [["ref('crm', 'newcomers', v=2)"], ["ref('vip_customers', v='beta')"]]


def test_owner_and_urls_are_settings_of_the_project(shop: Shop) -> None:
    """Without an owner it is the project itself, since dbt asks for one; a URL is only what somebody set."""
    first = written(shop)[0]
    assert (first["owner"], "url" in first) == ({"name": "shop"}, False)
    url = "https://criteo.test/audiences"
    configure_project(shop, {"owner": {"email": "crm@shop.test"}, "urls": {"criteo": url}})
    first = written(shop)[0]
    assert (first["owner"], first["url"]) == ({"email": "crm@shop.test"}, url)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"owner": {}}, "vars.dbt_activate.exposures.owner: needs a name or an email."),
        ({"owner": {"nmae": "CRM"}}, "Did you mean 'name'?"),
        ({"urls": {"cirteo": "https://criteo.test"}}, "Did you mean 'criteo'?"),
    ],
)
def test_wrong_settings_are_named(shop: Shop, settings: Any, message: str) -> None:
    """What is misspelt is said with what was meant."""
    configure_project(shop, settings)
    with pytest.raises(ConfigError, match=r"dbt_project\.yml") as raised:
        Project(shop.root).exposures()
    assert message in str(raised.value)


def test_no_activation_is_an_empty_file(shop: Shop) -> None:
    """That is read by dbt, too."""
    shop.configure("newcomers", None)
    shop.configure("vip_customers", False)
    assert written(shop) == []
    command = [BIN / "dbt", "--quiet", "parse", "--no-partial-parse"]
    subprocess.run(command, check=True, env=without_dbt_variables())
