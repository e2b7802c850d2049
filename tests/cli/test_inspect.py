"""``init``, ``list``, ``validate``, ``debug`` and ``--help``: what one needs before the first sync."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest
import yaml

from dbt_activate.cli import app
from tests.shop import BIN, Shop

HEAVY = {"dbt", "polars", "duckdb", "requests", "rich", "starlette", "uvicorn"}


def imported_by(*arguments: str) -> set[str]:
    """Return the top-level packages that a command imports, in a process of its own."""
    code = (
        "import sys, contextlib, io\n"
        "from dbt_activate.cli import app\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    code = app({list(arguments)!r}, standalone_mode=False)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_help_imports_only_click() -> None:
    """The help is there at once."""
    assert imported_by("sync", "--help") & (HEAVY | {"pydantic", "jinja2", "yaml"}) == set()


def test_list_imports_nothing_heavy(shop: Shop) -> None:
    """Neither dbt nor Polars nor a driver nor an HTTP library is waited for."""
    imported = imported_by("list")
    assert "pydantic" in imported
    assert imported & HEAVY == set()


def test_commands_are_listed_in_the_order_of_the_work(shop: Shop) -> None:
    """The help begins with what one does first."""
    lines = shop.activate("--help").output.partition("Commands:\n")[2].splitlines()
    names = " ".join(line.split()[0] for line in lines if line.startswith("  ") and line[2] != " ")
    assert names == (
        "init list validate debug plan sync status history rejections verify reset prune "
        "exposures webhook sandbox"
    )


def test_no_summary_is_cut(shop: Shop) -> None:
    """What a command does can be read to its end where all of them are listed."""
    assert "..." not in shop.activate("--help").output.partition("Commands:\n")[2]


def test_every_option_has_help() -> None:
    """No command and no option is left without a word."""
    context = click.Context(app)
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        assert command is not None
        assert command.help
        assert [one.name for one in command.params if not getattr(one, "help", "")] == []


def test_version(shop: Shop) -> None:
    """--version names the package and its version."""
    assert shop.activate("--version").output.startswith("dbt-activate 0.")


def test_list_needs_neither_profile_nor_credentials(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Activations are listed as text, as names and as JSON."""
    (shop.root / "profiles.yml").unlink()
    (shop.root / "shop.duckdb").unlink()
    monkeypatch.delenv("CRITEO_CLIENT_SECRET")
    assert shop.activate("list", "--output", "name").stdout == "criteo.newcomers\ncriteo.vip_customers\n"
    assert "email:sha256=email, madid=mobile_ad_id" in shop.activate("list").stdout
    first, second = json.loads(shop.activate("ls", "--output", "json").stdout)
    assert first["model"] == "model.shop.newcomers"
    assert second["audience"] == "VIP customers"


def test_only_json_is_on_stdout(shop: Shop) -> None:
    """A warning does not spoil a list that a program reads."""
    result = shop.activate("list", "--output", "json", "-s", "no_such_model")
    assert json.loads(result.stdout) == []
    assert "matches no activation" in result.stderr


def test_a_selection_that_only_dbt_knows(shop: Shop) -> None:
    """What cannot be read from the manifest is asked of dbt."""
    assert shop.activate("ls", "--output", "name", "-s", "@vip_customers").stdout == "criteo.vip_customers\n"


def test_validate_needs_no_credentials(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound project is said to be; variables that are missing here are a note."""
    monkeypatch.delenv("CRITEO_CLIENT_SECRET")
    (shop.root / "shop.duckdb").unlink()
    result = shop.activate("validate")
    assert result.exit_code == 0
    assert "All is well: 2 activations." in result.stdout
    assert "CRITEO_CLIENT_SECRET" in result.output


@pytest.mark.parametrize("profile", [None, "shop: {target: prod, outputs: {prod: {type: duckdb, path: P}}}"])
def test_validate_needs_no_profile(shop: Shop, profile: str | None) -> None:
    """Where there is none, or a variable of it is not set, it is said that the target is not looked at."""
    path = shop.root / "profiles.yml"
    path.unlink()
    if profile:
        path.write_text(profile.replace("P", "\"{{ env_var('NOT_SET_HERE') }}\""))
    shop.rewrite("destinations.yml", lambda text: text.replace("http://127.0.0.1:9", "{{ target.name }}"))
    result = shop.activate("validate")
    assert (result.exit_code, "All is well: 2 activations." in result.stdout) == (0, True)
    assert "whether the manifest fits the target is not looked at" in result.output
    refused = shop.activate("sync")
    assert (refused.exit_code, "profiles.yml" in refused.output) == (1, True)


def test_a_template_that_needs_the_target_is_no_error_without_one(shop: Shop) -> None:
    """Without a profile nobody knows the target's name: a note, as for a variable that is not set."""
    (shop.root / "profiles.yml").unlink()
    shop.rewrite("destinations.yml", lambda text: text.replace('"73550"', '"{{ target.name }}"'))
    result = shop.activate("validate")
    assert (result.exit_code, "no profile is there to name it. Use --target" in result.output) == (0, True)
    assert "no profile is there to name it" not in shop.activate("validate", "--target", "prod").output


def test_a_profile_that_is_wrong_is_an_error(shop: Shop) -> None:
    """What is said to be there is looked for."""
    result = shop.activate("validate", "--profiles-dir", "nowhere")
    assert (result.exit_code, "There is no profiles.yml in nowhere" in result.output) == (1, True)


def test_validate_hints_at_keys_that_may_be_null(shop: Shop) -> None:
    """A column that is sent, and that no test says is not null, is worth a line, and only here."""
    said = "no test says that column 'email' is not null"
    assert said in shop.activate("validate").output
    assert said not in shop.activate("list").output


def test_validate_after_dbt_parse(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest of a project that was never built has all that is looked at: tests, contracts and marks."""
    schema = yaml.safe_load((shop.root / "models/schema.yml").read_text())
    newcomers, vips = schema["models"]
    newcomers["config"]["contract"] = {"enforced": True}
    newcomers["columns"] = [{"name": "email", "data_type": "double", "data_tests": ["not_null"]}]
    vips["columns"] = [{"name": "mobile_ad_id", "meta": {"pii": True}}]
    (shop.root / "models/schema.yml").write_text(yaml.safe_dump(schema))
    for file in ("target/manifest.json", "target/run_results.json", "shop.duckdb"):
        (shop.root / file).unlink()
    subprocess.run([BIN / "dbt", "--quiet", "parse"], check=True)
    result = shop.activate("validate")
    assert result.exit_code == 1
    assert "column 'email' is of type double in the contract of newcomers" in result.output
    assert "column 'mobile_ad_id' is marked as personal data" in result.output


def test_debug_looks_at_everything(shop: Shop) -> None:
    """Versions, project, profile, connection, credentials, ad accounts; the database stays as it is."""
    before = (shop.root / "shop.duckdb").read_bytes()
    result = shop.activate("debug")
    assert result.exit_code == 0
    for part in ("Python 3.", "project [OK]", "target prod", "connection [OK]", "73550  Shop FR"):
        assert part in result.output
    assert (shop.root / "shop.duckdb").read_bytes() == before


def test_debug_goes_on_after_what_is_wrong(shop: Shop) -> None:
    """A profile that is missing does not hide whether the credentials are good."""
    (shop.root / "profiles.yml").unlink()
    result = shop.activate("debug")
    assert result.exit_code == 1
    assert "profile [ERROR]" in result.output
    assert "destination criteo [OK]" in result.output


def test_debug_does_not_ask_for_credentials_that_nobody_needs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the target may not push, missing credentials are no failure."""
    monkeypatch.delenv("CRITEO_CLIENT_ID")
    assert shop.activate("debug").exit_code == 1
    shop.rewrite("destinations.yml", lambda text: text.replace("[prod]", "[live]"))
    result = shop.activate("debug")
    assert result.exit_code == 0
    assert "target prod may only plan, not push" in result.output


def test_init_writes_a_file_that_works(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it writes is valid once its environment variables are set, and holds no secret."""
    (shop.root / "destinations.yml").unlink()
    result = shop.activate("init")
    assert result.exit_code == 0
    assert "CRITEO_CLIENT_ID, CRITEO_CLIENT_SECRET, CRITEO_ADVERTISER_ID" in result.output
    text = (shop.root / "destinations.yml").read_text()
    assert yaml.safe_load(text)["criteo"]["targets"] == ["prod"]
    assert "env_var('CRITEO_CLIENT_SECRET')" in text
    monkeypatch.setenv("CRITEO_ADVERTISER_ID", "73550")
    shop.configure("newcomers", {"mapping": {"email": "email"}})
    shop.configure("vip_customers", {"mapping": {"madid": "mobile_ad_id"}})
    assert shop.activate("validate").exit_code == 0


def test_init_never_overwrites(shop: Shop) -> None:
    """A destinations.yml that is there already stays as it is."""
    before = (shop.root / "destinations.yml").read_text()
    assert "is there already" in shop.activate("init").output
    assert (shop.root / "destinations.yml").read_text() == before
    unknown = shop.activate("init", "--destination", "cirteo")
    assert unknown.exit_code == 1
    assert "Did you mean 'criteo'?" in unknown.output


def test_flags_have_dbts_environment_variables(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable counts where the flag is not given."""
    monkeypatch.setenv("DBT_PROJECT_DIR", "/nowhere")
    assert shop.activate("list").exit_code == 1
    assert shop.activate("list", "--project-dir", str(shop.root)).exit_code == 0
    monkeypatch.setenv("DBT_LOG_FORMAT", "json")
    assert json.loads(shop.activate("list").output)["info"]["name"] == "ConfigError"


@pytest.mark.parametrize(
    ("flags", "is_colored"), [(["--use-colors"], True), (["--no-use-colors"], False), ([], False)]
)
def test_colors(shop: Shop, flags: list[str], is_colored: bool) -> None:
    """There are colors where they are asked for; by default not off a terminal."""
    assert ("\x1b[" in shop.activate("plan", *flags).output) is is_colored


def test_the_sandbox_says_how_to_use_it(shop: Shop) -> None:
    """It prints its address and credentials that it takes, and ends when it is told to."""
    with shop.start("sandbox", "--port", "0", "--no-rate-limit") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(9)]
        process.terminate()
        process.wait(timeout=30)
    assert "http://127.0.0.1:" in lines[0]
    entry = yaml.safe_load("".join(lines[2:9]))["criteo"]
    assert set(entry) == {"targets", "type", "base_url", "client_id", "client_secret", "advertiser_id"}
