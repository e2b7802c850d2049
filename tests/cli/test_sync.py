"""``plan`` and ``sync``: what they do, say and leave behind."""

from __future__ import annotations

import json

import pytest

from tests.shop import VIPS, Shop, sha256


def membership_requests(shop: Shop) -> int:
    """Count the requests that changed who is in an audience."""
    return sum(len(shop.sandbox.traffic.exchanges(operation=what)) for what in ("add", "remove"))


def test_first_everybody_then_nobody_then_the_difference(shop: Shop) -> None:
    """A sync adds all, the next one sends nothing, and the one after a change sends the difference."""
    members = {f"new{number}@shop.test" for number in range(1, 11)}
    assert shop.activate("sync", "-s", "newcomers").exit_code == 0
    assert shop.audience("newcomers") == {"email": sha256(members)}
    sent = membership_requests(shop)
    assert "[+0 −0 in" in shop.activate("sync", "-s", "newcomers", "--all").output
    assert membership_requests(shop) == sent
    members = members - {"new1@shop.test"} | {"guest@shop.test"}
    shop.hold("newcomers", members)
    assert "[+1 −1 in" in shop.activate("sync", "-s", "newcomers").output
    assert [one.count for one in shop.sandbox.traffic.exchanges(operation="add")] == [10, 1]
    assert shop.audience("newcomers") == {"email": sha256(members)}


def test_lines_have_dbts_shape(shop: Shop) -> None:
    """Each activation has a line when it starts and one when it ends; the last line counts them."""
    output = shop.activate("sync", "--threads", "1").output.splitlines()
    assert output[0].endswith("Found 2 activations into 1 destination; 1 thread (target='prod')")
    assert '1 of 2 START sync criteo.newcomers → Criteo "newcomers" ...' in output[1]
    assert output[1].endswith("[RUN]")
    assert '2 of 2 OK synced criteo.vip_customers → Criteo "VIP customers" ...' in output[4]
    assert "[+200 −0 in " in output[4]
    assert output[-1].endswith("Done. PASS=2 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=2")


@pytest.mark.parametrize("command", [["plan"], ["sync", "--dry-run"]])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_plan_leaves_everything_as_it_is(shop: Shop, command: list[str], is_first: bool) -> None:
    """A plan says what would be sent, sends nothing, and leaves the database byte for byte as it was."""
    if not is_first:
        shop.activate("sync")
        shop.hold("newcomers", ["somebody@shop.test", *(f"new{n}@shop.test" for n in range(1, 10))])
    database, asked = (shop.root / "shop.duckdb").read_bytes(), len(shop.sandbox.traffic.exchanges())
    result = shop.activate(*command, "-s", "newcomers")
    assert result.exit_code == 0
    assert ("[+10 −0 in" if is_first else "[+1 −1 in") in result.output
    assert "somebody" not in result.output
    assert (shop.root / "shop.duckdb").read_bytes() == database
    assert len(shop.sandbox.traffic.exchanges()) == asked


def test_a_target_that_may_not_push_only_plans(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so in words, needs no credentials, and is no failure."""
    shop.rewrite("destinations.yml", lambda text: text.replace("[prod]", "[live]"))
    monkeypatch.delenv("CRITEO_CLIENT_SECRET")
    result = shop.activate("sync")
    assert result.exit_code == 0
    assert "target prod may not push to criteo (targets: live" in result.output
    assert "PASS=0 WARN=0 ERROR=0 SKIP=2 NO-OP=0 TOTAL=2" in result.output
    assert shop.sandbox.traffic.exchanges() == []


def test_the_artifact_says_what_was_done(shop: Shop) -> None:
    """It has the shape of dbt's run results, with the remote id and the figures of each activation."""
    shop.activate("sync", "-s", "vip_customers", "--vars", "{password: canary}")
    artifact = shop.artifact()
    (result,) = artifact["results"]
    assert artifact["metadata"]["dbt_invocation_id"]
    assert artifact["args"]["select"] == ["vip_customers"]
    assert artifact["elapsed_time"] > 0
    assert (result["unique_id"], result["status"]) == ("model.shop.vip_customers", "success")
    assert result["audience"] == {"name": "VIP customers", "remote_id": shop.sandbox.criteo.audiences()[0].id}
    assert result["counts"]["added"] == result["counts"]["members"] == 200
    assert "canary" not in json.dumps(artifact)


def test_every_line_of_a_json_log_is_an_event(shop: Shop) -> None:
    """All of stdout is JSON in dbt's envelope, also warnings, and one invocation id runs through it."""
    shop.hold("newcomers", ["not an address"])
    result = shop.activate("sync", "--log-format", "json", "--debug")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"info", "data"} == {key for event in events for key in event}
    keys = {"name", "code", "msg", "level", "invocation_id", "pid", "thread", "ts", "extra", "category"}
    assert all(set(event["info"]) == keys for event in events)
    assert {event["info"]["invocation_id"] for event in events} == {
        shop.artifact()["metadata"]["invocation_id"]
    }
    finished = [event["data"] for event in events if event["info"]["name"] == "ActivationResult"]
    assert {one["activation"]: one["added"] for one in finished} == {
        "criteo.newcomers": 0,
        "criteo.vip_customers": 200,
    }


def test_nothing_selected_is_a_warning(shop: Shop) -> None:
    """A selection that matches no activation is no failure, and the project's activations are named."""
    result = shop.activate("sync", "--select", "no_such_model")
    assert result.exit_code == 0
    assert "the selection matches no activation" in result.output
    assert "criteo.newcomers, criteo.vip_customers" in result.output


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["-s", "newcomers", "vip_customers"], 2),
        (["-s", "newcomers", "-s", "vip_customers"], 2),
        (["--select", "newcomers vip_customers", "--exclude", "tag:activation"], 1),
        (["--exclude", "newcomers", "vip_customers"], 0),
    ],
)
def test_selections_take_several_values(shop: Shop, flags: list[str], expected: int) -> None:
    """As dbt's: after one flag, with the flag repeated, or in one value."""
    assert len(json.loads(shop.activate("ls", "--output", "json", *flags).stdout)) == expected


def test_fail_fast_begins_no_other(shop: Shop) -> None:
    """After a failure the others are skipped, and said to be."""
    shop.query("drop table prod.newcomers")
    result = shop.activate("sync", "--fail-fast", "--threads", "1")
    assert result.exit_code == 1
    assert "PASS=0 WARN=0 ERROR=1 SKIP=1 NO-OP=0 TOTAL=2" in result.output
    assert [one["status"] for one in shop.artifact()["results"]] == ["error", "skipped"]
    assert shop.audience() == {}


def test_one_failure_does_not_stop_the_others(shop: Shop) -> None:
    """Without --fail-fast, everything else is synced."""
    shop.query("drop table prod.newcomers")
    assert shop.activate("sync", "--threads", "1").exit_code == 1
    assert shop.audience()["email"] == sha256(VIPS)


def test_a_lost_snapshot_is_told_by_every_sync(shop: Shop) -> None:
    """Nothing that a failed sync writes, such as its warnings, makes an empty one in its place."""
    shop.activate("sync", "-s", "newcomers")
    shop.query("drop table prod_activate.snapshot_criteo__newcomers")
    shop.hold("newcomers", ["new1@shop.test"])
    for _ in range(2):
        result = shop.activate("sync", "-s", "newcomers", "--all", "--allow-mass-removal")
        assert (result.exit_code, "snapshot_criteo__newcomers is gone" in result.output) == (1, True)
    assert shop.activate("reset", "-s", "newcomers", "--clear", "--yes").exit_code == 0
    assert shop.audience("newcomers") == {}


def test_full_refresh_sends_everybody_again(shop: Shop) -> None:
    """Who is missing in the tool comes back, and strangers stay."""
    shop.activate("sync")
    audience = next(one for one in shop.sandbox.criteo.audiences() if one.name == "newcomers")
    shop.sandbox.criteo.take_members(audience.id, "email", sha256(["new1@shop.test"]))
    shop.sandbox.criteo.put_members(audience.id, "email", ["stranger"])
    assert shop.activate("sync", "--full-refresh").exit_code == 0
    assert shop.audience("newcomers")["email"] == sha256(f"new{n}@shop.test" for n in range(1, 11)) | {
        "stranger"
    }


def test_quiet_says_only_errors(shop: Shop) -> None:
    """A sync that goes well says nothing, and one that does not says what went wrong."""
    assert shop.activate("sync", "--quiet").output == ""
    shop.query("drop table prod.newcomers")
    output = shop.activate("--quiet", "sync", "--all").output
    assert "ERROR syncing criteo.newcomers" in output
    assert "Done." not in output
