"""Artifacts of a run of dbt Cloud: whose, which step's, and what is said when they cannot be had."""

from __future__ import annotations

import json
import tempfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import pytest

from dbt_activate.artifacts.cloud_account import CloudAccount, read_account
from dbt_activate.artifacts.cloud_run import CloudRunOrigin
from dbt_activate.errors import ConfigError, DestinationError
from dbt_activate.throttle import Retry
from tests.dbt_cloud.conftest import RUN, with_results
from tests.dbt_cloud.server import ACCOUNT, TOKEN, DbtCloudServer, Fault
from tests.shop import VIPS, Shop, sha256

QUICK = Retry(attempts=3, first_wait_seconds=0.01, total_seconds=5, poll_seconds=(0.01,))
RESULTS = json.dumps({"args": {"which": "build"}, "results": []}).encode()
FILES = {"manifest.json": b'{"nodes": {}}', "run_results.json": RESULTS}


def fetch(cloud: DbtCloudServer, folder: Path, **account: object) -> set[str]:
    """Fetch the artifacts of the run, and return their names."""
    settings = {"account_id": str(ACCOUNT), "token": TOKEN, "base_url": cloud.url, **account}
    origin = CloudRunOrigin(CloudAccount(**settings), RUN, lambda _: None, retry=QUICK, timeout_seconds=0.3)
    origin.fetch(folder)
    return {path.name for path in folder.iterdir()}


def test_a_sync_by_a_run_of_dbt_cloud(shop: Shop, cloud: DbtCloudServer, built: dict[str, bytes]) -> None:
    """It needs no file of dbt here, writes its own artifact here, and leaves nothing behind."""
    cloud.add_run(RUN, built)
    result = shop.activate("sync", "--dbt-cloud-run-id", str(RUN))
    assert result.exit_code == 0, result.output
    assert shop.audience()["email"] == sha256(VIPS)
    assert [path.name for path in (shop.root / "target").iterdir()] == ["activate"]
    assert TOKEN not in result.output


def test_nothing_that_was_fetched_stays(
    shop: Shop,
    cloud: DbtCloudServer,
    built: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether the sync goes well or not."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cloud.add_run(RUN, built)
    for flag in ("--threads=1", "--select=nobody", "--target=nowhere"):
        shop.activate("sync", "--dbt-cloud-run-id", str(RUN), flag)
    shop.activate("sync", "--dbt-cloud-run-id", "1")
    assert list(tmp_path.glob("dbt-activate-*")) == []


def test_gates_go_by_the_run(shop: Shop, cloud: DbtCloudServer, built: dict[str, bytes]) -> None:
    """Of a run that failed, what did not fail goes out."""
    cloud.add_run(RUN, with_results(built, newcomers="error"), statuses=[20])
    result = shop.activate("sync", "--dbt-cloud-run-id", str(RUN))
    assert (result.exit_code, "held: its model failed" in result.output) == (0, True)
    assert shop.audience()["email"] == sha256(VIPS)
    assert shop.audience("newcomers") == {}


def test_the_step_that_tells_is_found(shop: Shop, cloud: DbtCloudServer, built: dict[str, bytes]) -> None:
    """Docs that were generated last say of every model that it went well; what was built before decides."""
    cloud.add_run(RUN, with_results(built, newcomers="error"), with_results(built, "generate"))
    result = shop.activate("plan", "--dbt-cloud-run-id", str(RUN))
    assert "held: its model failed" in result.output


@pytest.mark.parametrize(
    ("steps", "statuses", "names"),
    [
        ([FILES], [10], {"manifest.json", "run_results.json"}),
        ([{**FILES, "sources.json": b"{}"}], [10], {"manifest.json", "run_results.json", "sources.json"}),
        ([{}], [10], set()),
        ([{"manifest.json": b'{"a": 1}'}], [10], {"manifest.json"}),
        ([FILES], [1, 2, 3, 3, 10], {"manifest.json", "run_results.json"}),
        ([FILES], [3, 20], {"manifest.json", "run_results.json"}),
        ([FILES, {"manifest.json": b'{"a": 1}'}], [20], {"manifest.json", "run_results.json"}),
    ],
    ids=["all", "freshness", "nothing", "no results", "waited for", "failed", "of the step before"],
)
def test_what_is_fetched(
    cloud: DbtCloudServer,
    tmp_path: Path,
    steps: list[Mapping[str, bytes]],
    statuses: list[int],
    names: set[str],
) -> None:
    """The manifest has to be there; the others are fetched if they are."""
    cloud.add_run(RUN, *steps, statuses=statuses)
    if names:
        assert fetch(cloud, tmp_path) == names
    else:
        with pytest.raises(ConfigError, match="keeps no manifest"):
            fetch(cloud, tmp_path)


def test_artifacts_that_are_not_saved_yet_are_waited_for(cloud: DbtCloudServer, tmp_path: Path) -> None:
    """A run has ended a little before they can be had: without them, no gate would hold anything."""
    cloud.add_run(RUN, FILES, statuses=[3, 10], unsaved=3)
    assert fetch(cloud, tmp_path) == set(FILES)


@pytest.mark.parametrize("wait_seconds", [0.0, 0.05])
def test_artifacts_that_are_never_saved_are_not_waited_for_for_ever(
    cloud: DbtCloudServer, tmp_path: Path, wait_seconds: float
) -> None:
    """A run that failed before dbt began has none."""
    cloud.add_run(RUN, FILES, statuses=[20], unsaved=1_000_000)
    with pytest.raises(ConfigError, match="says which models and tests failed"):
        fetch(cloud, tmp_path, wait_seconds=wait_seconds)


@pytest.mark.parametrize(
    "fault", [Fault(429, {"Retry-After": "0"}), Fault(500), Fault(503), Fault(silent=True), Fault(cut=True)],
    ids=["429", "500", "503", "slow", "cut off"],
)  # fmt: skip
def test_what_passes_is_asked_again(cloud: DbtCloudServer, tmp_path: Path, fault: Fault) -> None:
    """A limit, a fault and silence are waited out, and a body that was cut off is not taken for a file."""
    cloud.add_run(RUN, FILES)
    cloud.faults.append(fault)
    assert fetch(cloud, tmp_path) == set(FILES)
    assert json.loads((tmp_path / "manifest.json").read_text()) == {"nodes": {}}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(429), "with 429"),
        (Fault(500), "with 500"),
        (Fault(silent=True), "no answer came in time"),
        (Fault(403), "Job Viewer"),
        (Fault(302, {"Location": "https://elsewhere.test/"}), "is redirected"),
    ],
)
def test_what_does_not_pass_is_said(cloud: DbtCloudServer, tmp_path: Path, fault: Fault, words: str) -> None:
    """After as many tries as make sense."""
    cloud.add_run(RUN, FILES)
    cloud.faults = deque([fault] * 3)
    with pytest.raises(DestinationError, match=words) as raised:
        fetch(cloud, tmp_path)
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("before", [1, 2, 3], ids=["results", "manifest", "freshness"])
@pytest.mark.parametrize(
    "fault",
    [Fault(401), Fault(403), Fault(429), Fault(500), Fault(cut=True), Fault(silent=True)],
    ids=["401", "403", "429", "500", "cut off", "slow"],
)
def test_a_file_that_cannot_be_had_is_not_taken_for_none(
    cloud: DbtCloudServer, tmp_path: Path, fault: Fault, before: int
) -> None:
    """Only 404 says that there is none: else a sync without gates would follow."""
    cloud.add_run(RUN, {**FILES, "sources.json": b"{}"})
    cloud.faults = deque([None] * before + [fault] * 3)
    with pytest.raises(DestinationError):
        fetch(cloud, tmp_path)


@pytest.mark.parametrize(
    ("account", "statuses", "words"),
    [
        ({"token": "another"}, [10], "DBT_CLOUD_API_TOKEN"),
        ({"account_id": "12"}, [10], "no run 70512 in account 12"),
        ({"wait_seconds": 0.05}, [3], "is still running after 0.05 s of waiting"),
        ({}, [30], "was cancelled"),
    ],
    ids=["401", "404", "never ends", "cancelled"],
)
def test_what_is_refused(
    cloud: DbtCloudServer, tmp_path: Path, account: dict[str, object], statuses: list[int], words: str
) -> None:
    """It is said what to look at; nothing is asked twice that cannot change."""
    cloud.add_run(RUN, FILES, statuses=statuses)
    with pytest.raises((ConfigError, DestinationError), match=words):
        fetch(cloud, tmp_path, **account)
    if "wait_seconds" not in account:
        assert len(cloud.asked) == 1


def test_a_failed_run_that_does_not_say_what_failed_sends_nothing(
    cloud: DbtCloudServer, tmp_path: Path
) -> None:
    """Without results, no gate could hold what failed."""
    cloud.add_run(RUN, {"manifest.json": b'{"a": 1}'}, statuses=[20])
    with pytest.raises(ConfigError, match="says which models and tests failed"):
        fetch(cloud, tmp_path)


def test_what_is_no_dbt_cloud_is_said(tmp_path: Path, cloud: DbtCloudServer) -> None:
    """Another server's JSON is not taken for a run."""
    cloud.add_run(RUN, FILES)
    cloud.faults.append(Fault(200))
    with pytest.raises(ConfigError, match="does not answer as dbt Cloud does"):
        fetch(cloud, tmp_path)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "DBT_CLOUD_ACCOUNT_ID is not set.*\n.*DBT_CLOUD_API_TOKEN is not set"),
        ({"DBT_CLOUD_ACCOUNT_ID": "7/../8", "DBT_CLOUD_API_TOKEN": "t"}, "has to be a number"),
        ({"DBT_CLOUD_HOST": "https://ada:pw@host"}, "DBT_CLOUD_HOST has to be a host"),
        ({"DBT_CLOUD_HOST": "ftp://host"}, "DBT_CLOUD_HOST has to be a host"),
        ({"DBT_CLOUD_HOST": "https://[host"}, "DBT_CLOUD_HOST has to be a host"),
        ({"DBT_CLOUD_HOST": "host:pw"}, "DBT_CLOUD_HOST has to be a host"),
        ({"DBT_CLOUD_WAIT_SECONDS": "long"}, "has to be a number of seconds"),
    ],
)
def test_settings_that_are_wrong(environment: dict[str, str], words: str) -> None:
    """All of them are said, and none of their values."""
    with pytest.raises(ConfigError, match=words) as raised:
        read_account(environment)
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "https://cloud.getdbt.com"),
        ("ab123.us1.dbt.com", "https://ab123.us1.dbt.com"),
        ("https://emea.dbt.com/", "https://emea.dbt.com"),
    ],
)
def test_each_region_has_its_host(host: str, url: str) -> None:
    """Given as a host or as an address."""
    account = {"DBT_CLOUD_ACCOUNT_ID": "1", "DBT_CLOUD_API_TOKEN": "t", "DBT_CLOUD_HOST": host}
    assert read_account(account).base_url == url


def test_settings_may_stand_in_a_env_file(
    shop: Shop, cloud: DbtCloudServer, built: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of dbt may."""
    lines = [f"{name}={value}\n" for name, value in cloud.environment.items()]
    (shop.root / ".env").write_text("".join(lines))
    for name in cloud.environment:
        monkeypatch.delenv(name)
    cloud.add_run(RUN, built)
    assert shop.activate("plan", "--dbt-cloud-run-id", str(RUN)).exit_code == 0


def test_artifacts_come_from_one_place(shop: Shop, built: dict[str, bytes]) -> None:
    """Two are one too many."""
    result = shop.activate("sync", "--dbt-cloud-run-id", "1", "--artifacts", "elsewhere")
    assert (result.exit_code, "choose --artifacts or --dbt-cloud-run-id" in result.output) == (1, True)
