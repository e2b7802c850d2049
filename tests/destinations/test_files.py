"""The files destination, on a real disk and in fsspec's memory: promises, seen by whoever reads the files."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from pydantic import ValidationError

from dbt_activate.delivery import Audience, Delivery, Operation
from dbt_activate.destinations.files.audience_card import folder_name, folder_of
from dbt_activate.destinations.files.destination import Files
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AudienceTakenError,
    ConfigError,
    RefusedError,
    UnavailableError,
)
from tests.destinations.audience_files import AudienceFiles
from tests.destinations.faulty_store import DISK, OBJECTS, Calls, Damage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbt_activate.throttle import Throttles

    Connect = Callable[..., Files]

WANTED = Files.AudienceSettings(name="VIP customers", description="Spenders")
PEOPLE = tuple(f"canary-{n}@people.example" for n in range(30))
STRANGER = "stranger@people.example"

LIST = "VIP customers/members.csv"


@pytest.fixture(params=["disk", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place of one's own, in two kinds of store."""
    return str(tmp_path / "audiences") if request.param == "disk" else f"memory://{tmp_path.name}"


@pytest.fixture
def connect(url: str, throttles: Throttles) -> Connect:
    """Make destinations that write there."""

    def make(**more: Any) -> Files:
        return Files(Files.Settings(**({"type": "files", "targets": (), "url": url} | more)), throttles)

    return make


@pytest.fixture(
    params=[("members", "csv"), ("members", "parquet"), ("changes", "csv"), ("changes", "parquet")]
)
def kept(request: pytest.FixtureRequest) -> dict[str, str]:
    """What is kept, and as what."""
    return dict(zip(("content", "format"), request.param, strict=True))


@pytest.fixture
def inside(url: str, kept: dict[str, str]) -> AudienceFiles:
    """The place, as whoever reads the files sees it."""
    return AudienceFiles(url, kept["content"], kept["format"])


@pytest.fixture
def files(connect: Connect, kept: dict[str, str]) -> Files:
    """A destination of each kind."""
    return connect(**kept)


def add(*people: str, kind: str = "email") -> Delivery:
    """Make a delivery of people who enter."""
    return Delivery(1, Operation.ADD, kind, people)


def remove(*people: str) -> Delivery:
    """Make a delivery of people who leave."""
    return Delivery(1, Operation.REMOVE, "email", people)


def test_an_audience_from_its_making_to_its_end(inside: AudienceFiles, files: Files) -> None:
    """Found by name and by id, described, filled and deleted, with nothing left behind."""
    assert files.find(WANTED, None) is None
    audience = files.create(WANTED)
    assert (
        files.create(WANTED) == files.find(WANTED, None) == files.find(WANTED, audience.remote_id) == audience
    )
    described = Files.AudienceSettings(name="VIP customers", description="Rich")
    assert files.update(audience, described) == files.find(WANTED, None)
    assert inside.cards()[audience.remote_id]["description"] == "Rich"
    files.push(audience, add(*PEOPLE))
    files.push(audience, add("0042", kind="crm_id"))
    assert inside.members(audience.remote_id) == {"email": set(PEOPLE), "crm_id": {"0042"}}
    files.delete(audience)
    files.delete(audience)
    assert inside.paths() == []


def test_pushes_are_idempotent_and_leave_strangers_alone(
    inside: AudienceFiles, connect: Connect, kept: dict[str, str]
) -> None:
    """Over several runs, adding who is in and removing who is not change nothing."""
    theirs = inside.add_audience("VIP customers", {"email": [STRANGER]})
    audience = Audience(theirs, "VIP customers")
    for _ in range(2):
        files = connect(**kept)
        for _ in range(2):
            assert files.push(audience, add(*PEOPLE)).rejections == ()
        files.push(audience, remove(*PEOPLE[:10], "nobody@people.example"))
    assert inside.members(theirs) == {"email": {STRANGER, *PEOPLE[10:]}}


def test_an_audience_that_was_removed(inside: AudienceFiles, files: Files) -> None:
    """Every call on it says that it is gone, and the one that is made anew has another id."""
    audience = files.create(WANTED)
    inside.delete_audience(audience.remote_id)
    for call in (
        lambda: files.push(audience, add(*PEOPLE)),
        lambda: files.push(audience, remove(*PEOPLE)),
        lambda: files.update(audience, Files.AudienceSettings(name="VIP customers", description="Rich")),
    ):
        with pytest.raises(AudienceGoneError, match=r"'VIP customers'.* is no longer there"):
            call()
    assert files.find(WANTED, audience.remote_id) is files.find(WANTED, None) is None
    anew = files.create(WANTED)
    assert anew.remote_id != audience.remote_id
    assert files.find(WANTED, audience.remote_id) is None
    with pytest.raises(AudienceGoneError):
        files.push(audience, add(*PEOPLE))


def test_the_list_is_read_measured_and_emptied(connect: Connect, url: str) -> None:
    """With a list, members can be read back page by page, counted, and all taken out."""
    files = connect()
    audience = files.create(WANTED)
    many = tuple(f"{n:05}" for n in range(12_000))
    files.push(audience, add(*many, kind="crm_id"))
    files.push(audience, add(*PEOPLE))
    assert [len(page) for page in files.members(audience, "crm_id")] == [10_000, 2_000]
    assert [who for page in files.members(audience, "crm_id") for who in page] == list(many)
    assert files.size(audience) == 12_030
    files.clear(audience)
    assert (files.size(audience), AudienceFiles(url).members(audience.remote_id)) == (0, {})


def test_a_list_that_was_removed_alone(connect: Connect, url: str) -> None:
    """Without its list an audience is gone, and is made anew."""
    files, inside = connect(), AudienceFiles(url)
    audience = files.create(WANTED)
    inside.files.rm_file(f"{inside.root}/{LIST}")
    for call in (lambda: files.push(audience, add(*PEOPLE)), lambda: files.size(audience)):
        with pytest.raises(AudienceGoneError):
            call()
    assert files.find(WANTED, audience.remote_id) is None
    assert files.create(WANTED).remote_id != audience.remote_id


def test_removals_and_additions_in_one_step(connect: Connect, url: str) -> None:
    """A list is rewritten once for both."""
    files = connect()
    audience = files.create(WANTED)
    files.push(audience, add(*PEOPLE))
    files.push_together(audience, remove(*PEOPLE[:3]), add(STRANGER))
    assert AudienceFiles(url).members(audience.remote_id) == {"email": {STRANGER, *PEOPLE[3:]}}


def test_the_facts_follow_what_is_kept(connect: Connect) -> None:
    """Changes can be written side by side, and tell nothing of who is in."""
    facts = ("reads_members", "counts_members", "clears", "shares_requests", "one_at_a_time")
    assert all(getattr(connect(), fact) for fact in facts)
    changes = connect(content="changes", delivery_size=250_000)
    assert not any(getattr(changes, fact) for fact in facts)
    assert (connect().concurrency, changes.concurrency, changes.delivery_size) == (1, 4, 250_000)
    audience = changes.create(WANTED)
    assert changes.size(audience) is None
    with pytest.raises(RefusedError, match="cannot clear"):
        changes.clear(audience)


def test_names_of_changes_sort_in_the_order_of_what_was_done(connect: Connect, url: str) -> None:
    """Within a run and over runs, also where four threads write."""
    inside = AudienceFiles(url, "changes")
    audience = connect(content="changes").create(WANTED)
    for _ in range(3):
        files = connect(content="changes")
        files.push(audience, remove(*PEOPLE))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(partial(files.push, audience), map(add, PEOPLE[:12])))
    names = [path.rpartition("/")[2] for path in inside.paths() if "/changes/" in path]
    assert [name.split("-")[3] for name in names] == (["remove"] + ["add"] * 12) * 3
    assert inside.members(audience.remote_id) == {"email": set(PEOPLE[:12])}


@pytest.mark.parametrize("content", ["members", "changes"])
def test_a_run_that_was_overtaken_stops(connect: Connect, url: str, content: str) -> None:
    """Once a later run has begun to write, the earlier one writes nothing more."""
    audience = connect(content=content).create(WANTED)
    earlier, later = connect(content=content), connect(content=content)
    earlier.push(audience, add(*PEOPLE[:2]))
    later.push(audience, remove(PEOPLE[0]))
    with pytest.raises(UnavailableError, match="Another run has begun to write"):
        earlier.push(audience, add(PEOPLE[0]))
    assert AudienceFiles(url, content).members(audience.remote_id) == {"email": {PEOPLE[1]}}


def test_a_list_is_never_seen_half_written(connect: Connect, tmp_path: Path) -> None:
    """Whoever reads while it is rewritten finds a whole list each time."""
    url = str(tmp_path / "watched")
    files = connect(url=url)
    audience = files.create(WANTED)
    sizes, done = set(), threading.Event()

    def watch() -> None:
        while not done.is_set():
            content = (tmp_path / "watched" / LIST).read_bytes()
            sizes.add((content.count(b"\n") - 1) % 1000)
            assert content.endswith(b"\n")

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        for number in range(20):
            people = tuple(f"{number}-{n}" for n in range(1000))
            files.push(audience, add(*people, kind="crm_id"))
        done.set()
        watching.result()
    assert sizes == {0}


def test_drafts_of_a_process_that_was_cut_off_are_removed(connect: Connect, tmp_path: Path) -> None:
    """The next run does away with what was half written, as it holds people."""
    url = str(tmp_path / "audiences")
    audience = connect(url=url).create(WANTED)
    (tmp_path / "audiences" / "VIP customers" / ".members.csv.0123abcd.tmp").write_text("canary")
    connect(url=url).push(audience, add(STRANGER))
    assert AudienceFiles(url).paths() == ["VIP customers/audience.json", LIST]


def test_drafts_of_changes_are_removed_too(connect: Connect, tmp_path: Path) -> None:
    """What was half written as a change holds people as well."""
    url = str(tmp_path / "audiences")
    audience = connect(url=url, content="changes").create(WANTED)
    connect(url=url, content="changes").push(audience, add(STRANGER))
    changes = tmp_path / "audiences" / "VIP customers" / "changes"
    (changes / ".00000001-000001-20261122T064121Z-add-email-04934a51.csv.e8192e6d.tmp").write_text("canary")
    connect(url=url, content="changes").push(audience, add(*PEOPLE))
    assert [path.suffix for path in changes.iterdir()] == [".csv", ".csv"]


def test_two_runs_that_begin_at_the_same_moment(connect: Connect, tmp_path: Path) -> None:
    """Both find the same number on the card, and still only one of them goes on to write."""
    calls, both = Calls(), threading.Barrier(2)
    there = {"url": f"{DISK}://{tmp_path}/audiences", "storage_options": {"calls": calls}}
    audience = connect(**there).create(WANTED)

    def meet(name: str, path: str) -> None:
        if name in ("write", "rename", "look"):
            with suppress(threading.BrokenBarrierError):
                both.wait(0.5)

    def push(who: str) -> set[str]:
        try:
            connect(**there).push(audience, add(who))
        except UnavailableError:
            return set()
        return {who}

    calls.before = meet
    with ThreadPoolExecutor(2) as pool:
        taken = set[str]().union(*pool.map(push, PEOPLE[:2]))
    calls.before = lambda name, path: None
    assert AudienceFiles(f"{tmp_path}/audiences").members(audience.remote_id) == {"email": taken}


def test_a_place_where_no_file_takes_the_place_of_another(connect: Connect, tmp_path: Path) -> None:
    """It is found out, though the place says nothing, and the error says what to do."""
    options = {"calls": Calls(), "renames_onto_files": False}
    files = connect(url=f"{DISK}://{tmp_path}/audiences", storage_options=options)
    audience = files.create(WANTED)
    with pytest.raises(RefusedError, match="does not let one file take the place of another"):
        files.push(audience, add(STRANGER))
    assert AudienceFiles(f"{tmp_path}/audiences").paths() == ["VIP customers/audience.json", LIST]


def test_an_audience_whose_making_may_have_been_refused(connect: Connect, tmp_path: Path) -> None:
    """What may be there is not told as refused: the run that finds it next would take it for a stranger's."""
    calls = Calls()
    there = {"url": f"{OBJECTS}://{tmp_path}/audiences", "storage_options": {"calls": calls}}
    files = connect(content="changes", **there)
    calls.order(ValueError("an answer that is no JSON"), Damage.ALL, nth=2)
    with pytest.raises(UnavailableError, match="was made cannot be seen"):
        files.create(WANTED)
    assert files.create(WANTED) == files.find(WANTED, None)


def test_a_place_that_cannot_hold_folders(connect: Connect, tmp_path: Path) -> None:
    """What the system says is passed on, since it names nobody."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=r"cannot be read or written now: Not a directory"):
        connect(url=str(tmp_path / "file" / "audiences")).create(WANTED)


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[None]:
    """Be somebody who may not write to the test's folder, also where tests run as root."""
    tmp_path.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)
    tmp_path.chmod(0o755)


def test_a_folder_that_may_not_be_written(connect: Connect, tmp_path: Path, nobody: None) -> None:
    """It is a matter of permissions, and the message names the place."""
    with pytest.raises(AccessError, match=f"^{tmp_path}.* is not allowed"):
        connect(url=str(tmp_path / "audiences")).create(WANTED)


NAMES = [
    ("VIP customers", "VIP customers"),
    ("a.b-c_1", "a.b-c_1"),
    ("../../etc", "%2E.%2F..%2Fetc"),
    ("..", "%2E%2E"),
    (".", "%2E"),
    ("/etc/passwd", "%2Fetc%2Fpasswd"),
    ("a\\b\0c\n", "a%5Cb%00c%0A"),
    ("50% *?[x]", "50%25 %2A%3F%5Bx%5D"),
    (" x ", "%20x%20"),
    ("Äpfel", "%C3%84pfel"),
    ("~root", "%7Eroot"),
]


@pytest.mark.parametrize(("name", "folder"), NAMES)
def test_a_name_is_one_safe_folder(connect: Connect, url: str, name: str, folder: str) -> None:
    """No name leads out of the place, and each has a folder of its own."""
    files = connect()
    audience = files.create(Files.AudienceSettings(name=name))
    files.push(audience, add(*PEOPLE))
    assert folder_name(name) == folder_of(audience.remote_id) == folder
    assert AudienceFiles(url).paths() == [f"{folder}/audience.json", f"{folder}/members.csv"]
    assert files.find(Files.AudienceSettings(name=name), None) == audience


def test_long_names_stay_apart() -> None:
    """A name that is too long for a folder ends in its hash."""
    one, other = (folder_name("ü" * 100 + end) for end in "ab")
    assert one != other
    assert len(one) <= 120
    assert folder_of(f"{one}/0123456789ab") == one


@pytest.mark.parametrize(
    "remote_id", ["../x/0123456789ab", "x", "/etc/0123456789ab", ".x/0123456789ab", "a/b/0123456789ab"]
)
def test_an_id_that_leads_elsewhere_is_refused(connect: Connect, remote_id: str) -> None:
    """Neither the settings nor a call takes it."""
    with pytest.raises(ValidationError):
        Files.AudienceSettings(name="x", remote_id=remote_id)
    files = connect()
    assert files.find(WANTED, remote_id) is None
    with pytest.raises(RefusedError, match="is no id"):
        files.push(Audience(remote_id, "x"), add(*PEOPLE))


def test_another_kind_of_file_is_refused(connect: Connect) -> None:
    """An audience that is kept in another way is not taken for the wanted one, by name nor by id."""
    audience = connect().create(WANTED)
    for kept in ({"format": "parquet"}, {"content": "changes"}):
        for remote_id in (None, audience.remote_id):
            with pytest.raises(RefusedError, match=r"is kept as members in csv, and destinations\.yml says"):
                connect(**kept).find(WANTED, remote_id)


def test_files_of_somebody_else_are_left_alone(connect: Connect, url: str) -> None:
    """A list without our card is not overwritten, a foreign card is refused, deletion spares the rest."""
    files, inside = connect(), AudienceFiles(url)
    inside._write(LIST, b"mine")
    with pytest.raises(AudienceTakenError, match=r"is there already, and no audience\.json"):
        files.create(WANTED)
    inside._write("Other/audience.json", b'{"mine": 1}')
    with pytest.raises(RefusedError, match="was not written by dbt-activate"):
        files.find(Files.AudienceSettings(name="Other"), None)
    third = files.create(Files.AudienceSettings(name="Third"))
    inside._write("Third/notes.txt", b"mine")
    files.delete(third)
    assert inside.paths() == ["Other/audience.json", "Third/notes.txt", LIST]


@pytest.mark.parametrize("content", [b"", b"who\nx\n", b"\xff\xfe", b"a,b\n1\n"])
def test_a_list_that_was_changed_by_hand(connect: Connect, url: str, content: bytes) -> None:
    """What is no list any more is refused, and is not overwritten."""
    files, inside = connect(), AudienceFiles(url)
    audience = files.create(WANTED)
    inside._write(LIST, content)
    with pytest.raises(RefusedError, match="is no list that dbt-activate wrote"):
        files.push(audience, add(*PEOPLE))
    assert inside.files.cat_file(f"{inside.root}/{LIST}") == content


def test_values_come_back_as_they_were_sent(files: Files, inside: AudienceFiles) -> None:
    """Leading zeros, quotes, commas and other alphabets survive."""
    nasty = ("00123", 'a"b', "a,b", "=1+1", "'x'", "null", "日本", "1e5", " ".join("ab"))
    audience = files.create(WANTED)
    files.push(audience, add(*nasty, kind="crm_id"))
    files.push(audience, add("one more", kind="crm_id"))
    assert inside.members(audience.remote_id) == {"crm_id": {*nasty, "one more"}}


def test_what_a_reader_finds(connect: Connect, tmp_path: Path) -> None:
    """The columns are as they are documented."""
    url = str(tmp_path / "read")
    for content, kind in (("members", "csv"), ("changes", "parquet")):
        files = connect(url=f"{url}/{content}", content=content, format=kind)
        files.push(files.create(WANTED), add("ada@people.example"))
    members = pl.read_csv(f"{url}/members/*/members.csv")
    assert members.rows(named=True) == [{"identifier_type": "email", "identifier": "ada@people.example"}]
    changes = pl.read_parquet(f"{url}/changes/*/changes/*.parquet")
    assert changes.columns == ["operation", "identifier_type", "identifier"]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("/data/audiences/", "/data/audiences"),
        ("file:///data//audiences", "/data/audiences"),
        ("/data/../data/audiences", "/data/audiences"),
        ("s3://bucket/audiences/", "s3://bucket/audiences"),
        ("memory://", "memory://"),
    ],
)
def test_a_place_has_one_spelling(url: str, kept: str) -> None:
    """Two entries that lead to one place are known to do so."""
    settings = Files.Settings(type="files", targets=(), url=url)
    assert (settings.url, Files.account(settings)) == (kept, ("files", kept))


@pytest.mark.parametrize(
    "url",
    [
        "audiences",
        "./audiences",
        "s3://key:canary@bucket/x",
        "ftp://:canary@host/x",
        "s3://b/x?a=1",
        "zip::s3://b",
        "s3://b/x::memory://y",
        "/data/x::memory://y",
    ],
)
def test_a_place_that_is_none(url: str) -> None:
    """A relative path would be another place in each working directory, and keys belong elsewhere."""
    with pytest.raises(ValidationError) as caught:
        Files.Settings(type="files", targets=(), url=url)
    assert "canary" not in str(caught.value)


def test_storage_options_are_secret_and_reach_fsspec(connect: Connect) -> None:
    """All text in them is veiled, at any depth, and used unveiled."""
    options = {"key": "canary-key", "client_kwargs": {"endpoint_url": "canary-url"}, "tries": [1, "canary"]}
    files = connect(storage_options=options)
    assert "canary" not in f"{files._settings!r} {files._settings}"
    assert files._store._options == options


@pytest.mark.parametrize(
    ("url", "options", "error", "message"),
    [
        ("s3://bucket/x", {}, ConfigError, "pip install s3fs"),
        ("gs://bucket/x", {}, ConfigError, "pip install gcsfs"),
        ("abfs://bucket/x", {}, ConfigError, "pip install adlfs"),
        ("nonsense://bucket/x", {}, RefusedError, r"fsspec cannot work with nonsense://bucket/x"),
        ("memory://x", {"canary": "canary-secret"}, None, ""),
    ],
)
def test_a_place_that_fsspec_cannot_reach(
    connect: Connect, url: str, options: dict[str, str], error: type[Exception] | None, message: str
) -> None:
    """The message says what to install or to correct, and holds no key."""
    files = connect(url=url, storage_options=options)
    if error is None:
        assert files.check().passed
        return
    with pytest.raises(error, match=message) as caught:
        files.check()
    assert "canary" not in f"{caught.value} {caught.value.__context__!r}"


def test_fsspec_that_is_not_installed(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how to install it."""
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ConfigError, match=r"pip install 'dbt-activate\[files\]'"):
        connect().check()


def test_check(connect: Connect) -> None:
    """A check looks, and makes nothing."""
    files = connect()
    assert "yet" in files.check().lines[0]
    assert "yet" in files.check().lines[0]
    files.create(WANTED)
    assert files.check().lines[0].endswith("can be read: 1 files and folders are in it.")


def test_identifier_types() -> None:
    """E-mail addresses are known and may be hashed; any other name is taken, if it is one."""
    email, other = Files.identifier_type("email"), Files.identifier_type("crm_id")
    assert email is not None
    assert other is not None
    assert (email.hashable, other.name, other.hashable) == (True, "crm_id", False)
    assert Files.identifier_type("../x") is Files.identifier_type("CRM") is None


def test_no_identifier_in_any_message(inside: AudienceFiles, files: Files) -> None:
    """What goes wrong is told without who was sent."""
    audience = files.create(WANTED)
    inside.delete_audience(audience.remote_id)
    with pytest.raises(AudienceGoneError) as caught:
        files.push(audience, add(*PEOPLE))
    assert "canary" not in f"{caught.value!r} {caught.value.__context__!r} {caught.value.__cause__!r}"
