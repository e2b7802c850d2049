"""``--artifacts``: a folder, a web address, an object store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec  # type: ignore[import-untyped]  # it ships no types
import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]  # likewise

from dbt_activate import ConfigError, Project
from tests.destinations.scripted_server import Reply, ScriptedServer
from tests.shop import VIPS, Shop, sha256


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A web server that knows nothing yet."""
    import threading

    with ScriptedServer() as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.stopped.set()
        running.shutdown()


@pytest.fixture
def away(shop: Shop) -> Path:
    """The shop's artifacts, in a folder outside of the project."""
    return Path(shutil.move(shop.root / "target", shop.root.parent / "away"))


def publish(server: ScriptedServer, folder: Path, *names: str) -> None:
    """Let a server have files of a folder under ``/dbt/prod/``."""
    for name in names:
        server.script(f"/dbt/prod/{name}", Reply(body=json.loads((folder / name).read_bytes())))


@pytest.mark.parametrize("given", ["{folder}", "../away"])
def test_a_folder(shop: Shop, away: Path, given: str) -> None:
    """It is read and stays as it is; what we write goes to the project's own target folder."""
    before = sorted(path.name for path in away.rglob("*"))
    result = shop.activate("sync", "--artifacts", given.format(folder=away))
    assert result.exit_code == 0, result.output
    assert shop.audience()["email"] == sha256(VIPS)
    assert sorted(path.name for path in away.rglob("*")) == before
    assert len(shop.artifact()["results"]) == 2


def test_a_web_address(shop: Shop, away: Path, server: ScriptedServer) -> None:
    """Its gates work, its signature goes with every request and is never shown."""
    results = json.loads((away / "run_results.json").read_text())
    for result in results["results"]:
        result["status"] = "error" if result["unique_id"].endswith(".newcomers") else "success"
    (away / "run_results.json").write_text(json.dumps(results))
    publish(server, away, "manifest.json", "run_results.json")
    result = shop.activate("--debug", "sync", "--artifacts", f"{server.url}/dbt/prod/?sv=2024&sig=s%2Fcret")
    assert (result.exit_code, "held: its model failed" in result.output) == (0, True)
    assert {one.query for one in server.seen} == {"sv=2024&sig=s%2Fcret"}
    assert "cret" not in result.output


@pytest.mark.parametrize("status", [403, 404])
def test_results_that_are_not_there(shop: Shop, away: Path, server: ScriptedServer, status: int) -> None:
    """The gates are off, and this is said; S3 says 403 of what is not there."""
    publish(server, away, "manifest.json")
    server.script("/dbt/prod/run_results.json", Reply(status))
    server.script("/dbt/prod/sources.json", Reply(status))
    url = f"{server.url}/dbt/prod"
    assert "artifacts/run_results.json is not there" in shop.activate("plan", "--artifacts", url).output
    assert shop.activate("plan", "--artifacts", url, "--require-results").exit_code == 1


def test_a_user_and_a_password(shop: Shop, away: Path, server: ScriptedServer) -> None:
    """They become a header, and are never shown."""
    publish(server, away, "manifest.json", "run_results.json")
    url = server.url.replace("//", "//ada:s%20cret@")
    result = shop.activate("--debug", "plan", "--artifacts", f"{url}/dbt/prod")
    assert (result.exit_code, "cret" in result.output) == (0, False)
    assert {one.headers["Authorization"] for one in server.seen} == {"Basic YWRhOnMgY3JldA=="}


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(404), "/dbt/prod/manifest.json: is not there"),
        (Reply(403), "with 403"),
        (Reply(401), "with 401"),
        (Reply(301, headers={"Location": "https://elsewhere.test/"}), "is redirected"),
        (Reply(body={"metadata": {}}), "manifest"),
    ],
)
def test_an_address_that_has_no_manifest(
    shop: Shop, away: Path, server: ScriptedServer, reply: Reply, words: str
) -> None:
    """It is said what came, without the signature."""
    server.script("/dbt/prod/manifest.json", reply)
    result = shop.activate("sync", "--artifacts", f"{server.url}/dbt/prod?sig=secret")
    assert (result.exit_code, words in result.output, "secret" in result.output) == (1, True, False)


def test_an_object_store(shop: Shop, away: Path) -> None:
    """What fsspec reaches will do."""
    store = fsspec.filesystem("memory")
    for name in ("manifest.json", "run_results.json"):
        store.pipe_file(f"/artifacts-of-{shop.root.parent.name}/{name}", (away / name).read_bytes())
    url = f"memory://artifacts-of-{shop.root.parent.name}"
    assert Project(shop.root, artifacts=url).sync().success
    store.rm_file(f"/artifacts-of-{shop.root.parent.name}/manifest.json")
    with pytest.raises(ConfigError, match=r"manifest\.json: is not there"):
        Project(shop.root, artifacts=url).plan()


class Guarded(MemoryFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """A store that may be read and not listed: like S3, it then refuses what is not there."""

    protocol = "guarded"
    store: ClassVar[dict[str, Any]] = {}

    def cat_file(self, path: str, **options: Any) -> bytes:
        """Read a file."""
        try:
            return bytes(super().cat_file(path, **options))
        except FileNotFoundError:
            raise PermissionError("Access Denied") from None


def test_an_object_store_that_may_not_be_listed(shop: Shop, away: Path) -> None:
    """It refuses what is not there, which the manifest has to be, and the others need not."""
    fsspec.register_implementation("guarded", Guarded, clobber=True)
    url = f"guarded://{shop.root.parent.name}"
    with pytest.raises(ConfigError, match=r"manifest\.json: cannot be read \(PermissionError\)"):
        Project(shop.root, artifacts=url).plan()
    Guarded().pipe_file(f"{url}/manifest.json", (away / "manifest.json").read_bytes())
    result = shop.activate("sync", "--artifacts", url)
    assert (result.exit_code, "artifacts/run_results.json is not there" in result.output) == (0, True)


@pytest.mark.parametrize("scheme", ["ftp", "nonsense", "hdfs"])
def test_no_password_of_a_store_is_shown(shop: Shop, scheme: str) -> None:
    """Whatever goes wrong; nor is a query, which may be a signature."""
    result = shop.activate(
        "--debug", "sync", "--artifacts", f"{scheme}://ada:s3cret@127.0.0.1:1/dbt?sig=t0ken"
    )
    assert result.exit_code == 1
    assert "s3cret" not in result.output
    assert "t0ken" not in result.output
    assert f"{scheme}://" in result.output


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere", "There is no folder"),
        ("nonsense://bucket", "cannot be read"),
        ("hdfs://host/path", "cannot be read|one more package"),
        ("https://", "is no web address"),
        ("https:///dbt", "is no web address"),
        ("https://ada:s3cret@host:port/dbt", "is no web address"),
        ("https://[ada:s3cret@host/dbt", "is no web address"),
    ],
)
def test_a_place_that_is_not_there(shop: Shop, given: str, words: str) -> None:
    """Nothing is sent."""
    with pytest.raises(ConfigError, match=words) as raised:
        Project(shop.root, artifacts=given).sync()
    assert "s3cret" not in str(raised.value)
    assert shop.sandbox.criteo.audiences() == []


def test_a_folder_of_another_project_is_refused(shop: Shop, away: Path) -> None:
    """Results that speak of nothing in the manifest are of another project."""
    results = json.loads((away / "run_results.json").read_text())
    for result in results["results"]:
        result["unique_id"] = result["unique_id"].replace(".shop.", ".other.")
    (away / "run_results.json").write_text(json.dumps(results))
    result = shop.activate("sync", "--artifacts", str(away))
    assert (result.exit_code, "it is of another project" in result.output) == (1, True)
