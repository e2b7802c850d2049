"""Gates: what dbt's last invocation holds, and what need not be read again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from dbt_activate import Project, Status
from tests.shop import Shop

BY_EMAIL = {"destination": "criteo", "mapping": {"email": "email"}}


def statuses(shop: Shop) -> dict[str, str]:
    """Return what the artifact says became of each activation."""
    return {one["activation"]: one["status"] for one in shop.artifact()["results"]}


def test_a_failed_model_holds_its_segment_and_no_other(shop: Shop) -> None:
    """Why is said on the console, in the artifact and in the runs table; nobody of it is sent."""
    shop.rebuild(newcomers="error")
    result = shop.activate("sync")
    assert result.exit_code == 0
    assert "SKIP held criteo.newcomers" in result.output
    assert "held: its model failed" in result.output
    assert "PASS=1 WARN=0 ERROR=0 SKIP=1 NO-OP=0 TOTAL=2" in result.output
    assert statuses(shop) == {"criteo.newcomers": "held", "criteo.vip_customers": "success"}
    rows = shop.query("select status, message from prod_activate.runs where activation = 'newcomers'")
    assert rows == [("held", "held: its model failed")]
    assert shop.audience("newcomers") == {}


def test_what_was_held_goes_out_once_it_is_mended(shop: Shop) -> None:
    """The next build that goes well opens the gate."""
    shop.rebuild(newcomers="skipped")
    shop.activate("sync")
    shop.rebuild()
    shop.activate("sync")
    assert statuses(shop)["criteo.newcomers"] == "success"
    assert len(shop.audience("newcomers")["email"]) == 10


def test_a_plan_says_what_would_be_held(shop: Shop) -> None:
    """And writes nothing."""
    shop.rebuild(newcomers="error")
    before = (shop.root / "shop.duckdb").read_bytes()
    assert "held: its model failed" in shop.activate("plan").output
    assert (shop.root / "shop.duckdb").read_bytes() == before


def test_what_dbt_has_not_built_since_is_not_read_again(shop: Shop) -> None:
    """The same results as at the last sync: the table is left alone, until --all or another build."""
    shop.activate("sync")
    shop.query("drop table prod.newcomers")
    result = shop.activate("sync", "-s", "newcomers")
    assert (result.exit_code, "dbt has built nothing since the last sync" in result.output) == (0, True)
    assert "SKIP=0 NO-OP=1 TOTAL=1" in result.output
    assert shop.activate("sync", "-s", "newcomers", "--all").exit_code == 1
    assert shop.activate("sync", "-s", "newcomers", "--full-refresh").exit_code == 1
    shop.rebuild()
    assert shop.activate("sync", "-s", "newcomers").exit_code == 1


@pytest.mark.parametrize("why", ["settings", "failure", "view", "rejections", "reset", "open changes"])
def test_what_is_read_again_though_dbt_has_built_nothing(shop: Shop, why: str) -> None:
    """Where something else may have changed, or an earlier sync left something to do."""
    shop.activate("sync")
    match why:
        case "settings":
            shop.configure("newcomers", {**BY_EMAIL, "audience": "Newcomers"})
        case "failure":
            shop.query("update prod_activate.runs set status = 'error'")
        case "view":
            rewrite_manifest(shop, "table", "view")
        case "rejections":
            shop.query(
                "insert into prod_activate.rejections (audience_key, run_id, operation, identifier_type, "
                "identifier, attempts) values ('criteo.newcomers', 'r', 'add', 'email:sha256', 'x', 1)"
            )
        case "reset":
            shop.activate("reset", "-s", "newcomers", "--yes")
        case "open changes":
            shop.query("update prod_activate.deliveries set state = 'open'")
    shop.activate("sync", "-s", "newcomers")
    assert statuses(shop)["criteo.newcomers"] != "unchanged"


def rewrite_manifest(shop: Shop, old: str, new: str) -> None:
    """Change how all models are made."""
    path = shop.root / "target" / "manifest.json"
    content = json.loads(path.read_text())
    for node in content["nodes"].values():
        if node["config"].get("materialized") == old:
            node["config"]["materialized"] = new
    path.write_text(json.dumps(content))


def test_without_results_nothing_is_held(shop: Shop) -> None:
    """It is said that the gates are off; where results are required, nothing is sent."""
    (shop.root / "target" / "run_results.json").unlink()
    refused = shop.activate("sync", "--require-results")
    assert (
        refused.exit_code,
        "target/run_results.json: is not there, and is required" in refused.output,
    ) == (1, True)
    result = shop.activate("sync")
    assert (
        "target/run_results.json is not there: nothing says whether models and tests passed" in result.output
    )
    assert statuses(shop) == {"criteo.newcomers": "success", "criteo.vip_customers": "success"}


@pytest.mark.parametrize("text", ['{"results": [', "[]"])
def test_broken_results_send_nothing(shop: Shop, text: str) -> None:
    """A file that was cut off does not open the gates."""
    (shop.root / "target" / "run_results.json").write_text(text)
    result = shop.activate("sync")
    assert (result.exit_code, "target/run_results.json" in result.output) == (1, True)
    assert shop.sandbox.criteo.audiences() == []


def test_a_test_that_only_warns_lets_through(shop: Shop) -> None:
    """It is said, and counted as a warning."""
    name = next(iter(names_of_tests(shop, "newcomers")))
    shop.rebuild(**{name: "warn"})
    result = shop.activate("sync", "-s", "newcomers")
    assert f"its test {name} warns" in result.output
    assert "PASS=0 WARN=1" in result.output
    assert len(shop.audience("newcomers")["email"]) == 10


def test_a_failed_test_holds_unless_told_otherwise(shop: Shop) -> None:
    """``gates: {tests: none}`` lets the segment go."""
    name = next(iter(names_of_tests(shop, "newcomers")))
    shop.rebuild(**{name: "fail"})
    [held] = Project(shop.root).sync("newcomers")
    assert (held.status, f"its test {name} failed" in held.message) == (Status.HELD, True)
    shop.configure("newcomers", {**BY_EMAIL, "gates": {"tests": "none"}})
    [sent] = Project(shop.root).sync("newcomers")
    assert sent.status is Status.SUCCESS


def names_of_tests(shop: Shop, model: str) -> list[str]:
    """Return the names of a model's tests that dbt ran."""
    manifest = json.loads((shop.root / "target" / "manifest.json").read_text())
    results = json.loads((shop.root / "target" / "run_results.json").read_text())
    ran = {one["unique_id"] for one in results["results"]}
    wanted = f"model.shop.{model}"
    return [
        node["unique_id"].split(".")[2]
        for node in manifest["nodes"].values()
        if node.get("attached_node") == wanted and node["unique_id"] in ran
    ]


def test_stale_sources_need_their_file(shop: Shop) -> None:
    """``freshness`` without sources.json is said, and refused where results are required."""
    shop.configure("newcomers", {**BY_EMAIL, "gates": {"freshness": True}})
    assert "target/sources.json is not there" in shop.activate("sync").output
    refused = shop.activate("sync", "--require-results")
    assert (refused.exit_code, "dbt source freshness" in refused.output) == (1, True)


def test_a_stale_source_holds_though_there_are_no_results(shop: Shop) -> None:
    """sources.json says enough by itself."""
    write_freshness(shop, 0, "error")
    (shop.root / "target" / "run_results.json").unlink()
    result = shop.activate("sync")
    assert "target/run_results.json is not there" in result.output
    assert statuses(shop) == {"criteo.newcomers": "held", "criteo.vip_customers": "success"}


def write_freshness(shop: Shop, hours: int, status: str) -> None:
    """Let newcomers be made of a source, and `dbt source freshness` have judged it so many hours from now."""
    shop.configure("newcomers", {**BY_EMAIL, "gates": {"freshness": True}})
    path, source = shop.root / "target" / "manifest.json", "source.shop.raw.orders"
    manifest = json.loads(path.read_text())
    manifest["sources"] = {source: {"resource_type": "source", "name": "orders", "source_name": "raw"}}
    manifest["nodes"]["model.shop.newcomers"]["depends_on"]["nodes"] = [source]
    path.write_text(json.dumps(manifest))
    at = datetime.now(UTC) + timedelta(hours=hours)
    metadata = {"invocation_id": "freshness", "generated_at": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"}
    content = {"metadata": metadata, "results": [{"unique_id": source, "status": status}]}
    (shop.root / "target" / "sources.json").write_text(json.dumps(content))


def test_a_check_of_sources_older_than_the_last_sync_is_noticed(shop: Shop) -> None:
    """It says nothing of what came since; the segment goes out, as with any results that are old."""
    old = "target/sources.json is older than the last sync"
    write_freshness(shop, -1, "pass")
    assert old not in shop.activate("sync", "-s", "newcomers").output
    shop.rebuild()
    assert old in shop.activate("sync", "-s", "newcomers").output
    assert statuses(shop) == {"criteo.newcomers": "success"}
    shop.rebuild()
    write_freshness(shop, 1, "pass")
    assert old not in shop.activate("sync", "-s", "newcomers").output


@pytest.mark.parametrize(("hours", "status"), [(-1, "held"), (1, "success")])
def test_the_later_check_of_sources_counts(shop: Shop, hours: int, status: str) -> None:
    """Of the file, and of what the package recorded."""
    write_freshness(shop, hours, "pass")
    record(shop, "fresh", 0)
    shop.query("update prod_activate.dbt_invocations set command = 'freshness'")
    shop.query(
        "insert into prod_activate.dbt_results (invocation_id, unique_id, status) "
        "values ('fresh', 'source.shop.raw.orders', 'error')"
    )
    shop.activate("sync", "-s", "newcomers")
    assert statuses(shop) == {"criteo.newcomers": status}


@pytest.mark.parametrize(
    ("args", "words", "status"),
    [
        ({"target": "dev"}, "was written with the target dev, and this one is prod", "success"),
        ({"target": "prod"}, "", "success"),
        ({"empty": True}, "its model was built with --empty", "held"),
    ],
)
def test_how_dbt_was_called_counts(shop: Shop, args: dict[str, object], words: str, status: str) -> None:
    """For another target: that is said. From a part of the rows: the segment is held."""
    path = shop.root / "target" / "run_results.json"
    content = json.loads(path.read_text())
    content["args"].update(args)
    path.write_text(json.dumps(content))
    output = shop.activate("sync", "-s", "newcomers").output
    assert words in output
    assert ("was written with the target" in output) is (args == {"target": "dev"})
    assert statuses(shop) == {"criteo.newcomers": status}


def test_a_failed_test_that_is_no_longer_there_is_said(shop: Shop) -> None:
    """It was renamed after it failed, and dbt parsed since: whom it should hold cannot be told."""
    path = shop.root / "target" / "run_results.json"
    content = json.loads(path.read_text())
    content["results"].append({"unique_id": "test.shop.unique_newcomers.old", "status": "fail"})
    path.write_text(json.dumps(content))
    output = shop.activate("sync").output
    assert "test.shop.unique_newcomers.old" in output
    assert "failed, which target/manifest.json does not know: no segment is held by it" in output


def test_results_older_than_those_of_the_last_sync_are_noticed(shop: Shop) -> None:
    """A folder of an earlier build would send old people; a person is asked to look."""
    path = shop.root / "target" / "run_results.json"
    old = path.read_text()
    shop.rebuild()
    shop.activate("sync", "-s", "newcomers")
    path.write_text(old)
    assert "are these the files of dbt's last run?" in shop.activate("sync", "-s", "newcomers").output


def record(shop: Shop, invocation: str, hours: int, **statuses: str) -> None:
    """Record an invocation of dbt as the package does, so many hours from now."""
    at = f"now() at time zone 'utc' + interval '{hours} hours'"
    shop.query("create schema if not exists prod_activate")
    shop.query(
        "create table if not exists prod_activate.dbt_invocations (invocation_id varchar, project varchar, "
        "target varchar, command varchar, dbt_version varchar, generated_at timestamp, results bigint)"
    )
    shop.query(
        "create table if not exists prod_activate.dbt_results (invocation_id varchar, unique_id varchar, "
        "resource_type varchar, status varchar, failures bigint, message varchar, completed_at timestamp, "
        "depends_on varchar)"
    )
    for name, status in statuses.items():
        shop.query(
            "insert into prod_activate.dbt_results (invocation_id, unique_id, status, completed_at) "
            f"values ('{invocation}', 'model.shop.{name}', '{status}', {at})"
        )
    shop.query(
        "insert into prod_activate.dbt_invocations values "
        f"('{invocation}', 'shop', 'prod', 'build', '1.11', {at}, 1)"
    )


def invocation_id(shop: Shop) -> str:
    """Return the invocation that wrote the results at hand."""
    path = shop.root / "target" / "run_results.json"
    return str(json.loads(path.read_text())["metadata"]["invocation_id"])


def test_what_the_warehouse_says_gates_where_there_is_no_file(shop: Shop) -> None:
    """On another machine than dbt's, the results that the package recorded hold a segment."""
    (shop.root / "target" / "run_results.json").unlink()
    record(shop, "a", 0, newcomers="error", vip_customers="success")
    shop.activate("sync", "--require-results")
    assert statuses(shop) == {"criteo.newcomers": "held", "criteo.vip_customers": "success"}


def test_a_file_that_is_older_than_what_is_recorded_does_not_count(shop: Shop) -> None:
    """Somewhere else dbt ran since: that is said, and the later results hold."""
    record(shop, "later", 1, newcomers="error")
    result = shop.activate("sync")
    assert "run_results.json is older than what the table dbt_invocations says" in result.output
    assert statuses(shop)["criteo.newcomers"] == "held"


def test_what_other_invocations_built_is_known_where_they_are_recorded(shop: Shop) -> None:
    """One that did not build the model leaves it unread; one that did has it read again."""
    record(shop, invocation_id(shop), -1, newcomers="success", vip_customers="success")
    shop.activate("sync")
    record(shop, "b", 1, vip_customers="success")
    shop.activate("sync")
    assert statuses(shop) == {"criteo.newcomers": "unchanged", "criteo.vip_customers": "success"}


def test_what_was_built_is_told_by_dbts_clock_alone(shop: Shop) -> None:
    """That of the machine on which dbt runs may be hours behind ours: what it built since is read."""
    record(shop, invocation_id(shop), -3, newcomers="success", vip_customers="success")
    shop.activate("sync")
    record(shop, "b", -2, newcomers="success")
    (shop.root / "target" / "run_results.json").unlink()
    shop.activate("sync")
    assert statuses(shop) == {"criteo.newcomers": "success", "criteo.vip_customers": "unchanged"}


@pytest.mark.parametrize("command", ["generate", "compile"])
def test_results_of_a_command_that_builds_nothing_do_not_count(shop: Shop, command: str) -> None:
    """After `dbt docs generate` all models seem well: that nothing is known is said, and may be refused."""
    path = shop.root / "target" / "run_results.json"
    content = json.loads(path.read_text())
    content["args"]["which"] = command
    path.write_text(json.dumps(content))
    assert f"was written by `dbt {command}`, which builds nothing" in shop.activate("sync").output
    assert shop.activate("sync", "--require-results").exit_code == 1
    record(shop, "b", 1, newcomers="error")
    shop.activate("sync")
    assert statuses(shop)["criteo.newcomers"] == "held"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (None, "is not there"),
        ("compile", "was written by `dbt compile`, which builds nothing"),
        ("generate", "was written by `dbt generate`, which builds nothing"),
        ("run-operation", "was written by `dbt run-operation`, which builds nothing"),
        ("show", "was written by `dbt show`, which builds nothing"),
    ],
)
def test_why_there_are_no_results_is_said(shop: Shop, command: str | None, words: str) -> None:
    """A file that does not count is not said to be missing, whether results are required or not."""
    path = shop.root / "target" / "run_results.json"
    content = json.loads(path.read_text())
    path.unlink()
    if command:
        content["args"]["which"] = command
        path.write_text(json.dumps(content))
    refused = shop.activate("sync", "--require-results")
    assert f"target/run_results.json: {words}, and" in " ".join(refused.output.split())
    outputs = refused.output + shop.activate("sync").output
    assert "nothing says whether models and tests passed, so no segment is held" in outputs
    assert ("is not there" in outputs) is (command is None)
