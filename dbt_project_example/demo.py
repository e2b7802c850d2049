"""A week in a music shop: its dbt segments become audiences that follow as customers come and go.

Run it with ``make demo``. It needs no account: a sandbox on this machine stands in for the tools. All that
it writes lies in ``target/`` and ``logs/`` beside this file, and each run starts anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

import duckdb
import requests

PROJECT = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
DATABASE = "target/demo.duckdb"  # DuckDB takes it from the working directory, which is PROJECT
EXPORTS = "target/exports"

SUNDAY = "{today: 1997-03-16}"
NEXT_SUNDAY = "{today: 1997-03-23}"
BROKEN_SUNDAY = "{today: 1997-03-23, implausible_spend_usd: 500}"

Members = Mapping[str, set[str]]
"""Identifiers by their type, in the form in which they are sent."""

step = count(1)


@dataclass(frozen=True, slots=True)
class Held:
    """What should be where. Said here once more, so that the comparison does not rest on the tool.

    Attributes:
        model: The dbt model.
        audience: The audience's name in the tool.
        columns: The mapped columns, by identifier type as the tool writes it.
        place: The sandbox's name of the tool; or ``exports``, a folder.
        is_hashed: Whether e-mail addresses are sent as SHA-256.
    """

    model: str
    audience: str
    columns: Mapping[str, str]
    place: str = "criteo"
    is_hashed: bool = True


EMAIL = {"email": "email"}
EMAIL_AND_MADID = {"email": "email", "madid": "mobile_ad_id"}
EXPECTED = (
    Held("lapsed_customers", "lapsed_customers", EMAIL),
    Held("new_customers", "new_customers", EMAIL),
    Held("big_spenders", "Big spenders", EMAIL_AND_MADID),
    Held("second_purchase", "Second purchase", EMAIL_AND_MADID),
    Held("win_back", "Win back", EMAIL_AND_MADID),
    Held("win_back", "Win back", {"CustomerId": "customer_id"}, "criteo_retail_media"),
    Held("win_back", "Win back", EMAIL, "emarsys", is_hashed=False),
    Held("win_back", "Win back", {"customer_id": "customer_id"}, "batch"),
    Held("win_back", "Win back", {"user_id": "customer_id"}, "purchasely"),
    Held("win_back", "Win_back", {"CUSTOMER_ID": "customer_id"}, "selligent"),
    Held("win_back", "Win back", EMAIL, "http", is_hashed=False),
    Held("win_back", "Win back", EMAIL, "exports", is_hashed=False),
)


def main() -> int:
    """Tell the story; return 0 if every audience ends up equal to its model."""
    forget_the_last_demo()
    announce("Start a sandbox that stands in for the tools.")
    with sandbox() as url:
        point_the_project_to(url)
        activate_for_a_week(url)
        announce("Compare what the tools hold with what the models hold, member by member.")
        return 0 if compare({**members_in_sandbox(url), **members_in_files()}) else 1


def activate_for_a_week(url: str) -> None:
    """Build and sync on one Sunday, and again on the next."""
    announce("Build the shop's dbt project, as of Sunday 1997-03-16.")
    dbt("build", "--vars", SUNDAY)
    announce("Check the project, the warehouse and the destinations.")
    activate("debug")
    announce("Sync in dev: only prod may push here, so this only plans.")
    activate("sync", may_fail=True)
    expect_nothing_sent(url)
    announce("Build in prod, look at the plan, then sync: everybody is added.")
    dbt("build", "--target", "prod", "--vars", SUNDAY)
    activate("plan", "--target", "prod")
    activate("sync", "--target", "prod")
    announce("Sync once more: there is nothing to send.")
    activate("sync", "--target", "prod")
    announce("A week passes, and a test of one segment fails: it is held, the others get the difference.")
    dbt("build", "--target", "prod", "--vars", BROKEN_SUNDAY, may_fail=True)
    activate("plan", "--target", "prod")
    activate("sync", "--target", "prod")
    announce("The test is mended. Build again, then sync: what was held goes out.")
    dbt("build", "--target", "prod", "--vars", NEXT_SUNDAY)
    activate("sync", "--target", "prod")


def announce(line: str) -> None:
    """Say in one line what comes next."""
    print(f"\n{next(step)}. {line}")


def forget_the_last_demo() -> None:
    """Remove the database of an earlier run, with the state of its audiences, and the files it made."""
    (PROJECT / DATABASE).parent.mkdir(exist_ok=True)
    for file in PROJECT.glob(f"{DATABASE}*"):
        file.unlink()
    shutil.rmtree(PROJECT / EXPORTS, ignore_errors=True)


def point_the_project_to(url: str) -> None:
    """Set what the project's files ask of the environment, and unset what a shell may have set for dbt."""
    for name in [name for name in os.environ if name.startswith("DBT_")]:
        del os.environ[name]
    os.environ |= {
        "SHOP_DUCKDB": DATABASE,
        "SHOP_EXPORTS": str(PROJECT / EXPORTS),
        "CRITEO_BASE_URL": f"{url}/criteo",
        "CRITEO_CLIENT_ID": "sandbox",
        "CRITEO_CLIENT_SECRET": "sandbox-secret",
        "RETAIL_MEDIA_BASE_URL": f"{url}/criteo_retail_media",
        "EMARSYS_BASE_URL": f"{url}/emarsys/api/v3",
        "EMARSYS_TOKEN_URL": f"{url}/emarsys/oauth2/token",
        "EMARSYS_CLIENT_ID": "sandbox",
        "EMARSYS_CLIENT_SECRET": "sandbox-secret",
        "BATCH_BASE_URL": f"{url}/batch",
        "BATCH_REST_API_KEY": "sandbox-rest-key",
        "BATCH_PROJECT_KEY": "project_01sandbox0000000000000shop",
        "PURCHASELY_BASE_URL": f"{url}/purchasely",
        "PURCHASELY_API_KEY": "sandbox-key",
        "PURCHASELY_APP_ID": "app_sandbox",
        "SELLIGENT_BASE_URL": f"{url}/selligent",
        "SELLIGENT_API_KEY": "sandbox",
        "SELLIGENT_API_SECRET": "sandbox-secret",
        "LOYALTY_APP_BASE_URL": f"{url}/http",
        "LOYALTY_APP_TOKEN": "sandbox-token",
        "no_proxy": "127.0.0.1",
    }


def dbt(*arguments: str, may_fail: bool = False) -> None:
    """Show a dbt command and run it; of its output only the last line is shown, if all went well."""
    show("dbt", *arguments)
    command = [str(BIN / "dbt"), "--no-use-colors", *arguments]
    done = subprocess.run(
        command, check=False, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    print(done.stdout.rstrip().splitlines()[-1] if done.returncode == 0 or may_fail else done.stdout)
    if done.returncode and not may_fail:
        sys.exit(f"dbt ended with exit code {done.returncode}, and the demo with it.")


def activate(*arguments: str, may_fail: bool = False) -> None:
    """Show a dbt-activate command and run it."""
    show("dbt-activate", *arguments)
    done = subprocess.run([BIN / "dbt-activate", *arguments], check=False, cwd=PROJECT)
    if done.returncode and not may_fail:
        sys.exit(f"dbt-activate ended with exit code {done.returncode}, and the demo with it.")


def show(*command: str) -> None:
    """Print a command as one would type it in the project's folder."""
    print(f"\n$ {shlex.join(command)}")


@contextmanager
def sandbox() -> Iterator[str]:
    """Run the sandbox on a free port, give its URL, and stop it however this ends."""
    show("dbt-activate", "sandbox", "--port", "0")
    command = [str(BIN / "dbt-activate"), "sandbox", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield wait_for_url(process)
    finally:
        stop(process)


def wait_for_url(process: subprocess.Popen[str]) -> str:
    """Read the sandbox's output up to the line that says where it listens."""
    output = process.stdout or ()
    said = []
    for line in output:
        said.append(line)
        if url := re.search(r"http://127\.0\.0\.1:\d+", line):
            # What else it prints is thrown away, lest the pipe fills up and holds it back.
            threading.Thread(target=deque, args=(output, 0), daemon=True).start()
            print(f"It listens on {url[0]}")
            return url[0]
    sys.exit(f"The sandbox did not start:\n{''.join(said)}")


def stop(process: subprocess.Popen[str]) -> None:
    """End the sandbox, gently at first."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def get(url: str) -> requests.Response:
    """Ask the sandbox what it holds."""
    response = requests.get(url, timeout=30)
    response.raise_for_status()
    return response


def expect_nothing_sent(url: str) -> None:
    """Stop the demo if an audience was made."""
    audiences = get(f"{url}/_sandbox/audiences").json()
    print(f"\nThe sandbox holds {len(audiences)} audiences.")
    if audiences:
        sys.exit("An audience was made from a target that may not push.")


def members_in_sandbox(url: str) -> dict[tuple[str, str], Members]:
    """Return the members of every audience that the sandbox holds, by tool and the audience's name."""
    listed = get(f"{url}/_sandbox/audiences").json()
    return {(audience["vendor"], audience["name"]): audience_members(url, audience) for audience in listed}


def audience_members(url: str, audience: Mapping[str, str]) -> Members:
    """Return the members of one audience of the sandbox."""
    shown = get(f"{url}/_sandbox/audiences/{audience['vendor']}/{quote(audience['id'])}").json()
    return {type_: set(identifiers) for type_, identifiers in shown["members"].items()}


def members_in_files() -> dict[tuple[str, str], Members]:
    """Return the members that stand in the exported list."""
    lists = list((PROJECT / EXPORTS).rglob("members*.csv"))
    with duckdb.connect() as connection:
        rows = connection.sql(f"select identifier from read_csv({list(map(str, lists))})").fetchall()
    return {("exports", "Win back"): {"email": {row[0] for row in rows}}}


def members_of_model(held: Held) -> Members:
    """Return who should be in an audience, in the form in which they are sent."""
    with duckdb.connect(str(PROJECT / DATABASE), read_only=True) as connection:
        values = {
            type_: connection.sql(f"select {column} from prod.{held.model} where {column} is not null")
            for type_, column in held.columns.items()
        }
        return {
            type_: {as_sent(held, type_, row[0]) for row in rows.fetchall()} for type_, rows in values.items()
        }


def as_sent(held: Held, identifier_type: str, value: str) -> str:
    """Return an identifier in the form in which it leaves the warehouse."""
    is_hashed = held.is_hashed and identifier_type == "email"
    return hashlib.sha256(value.encode()).hexdigest() if is_hashed else value


def compare(audiences: Mapping[tuple[str, str], Members]) -> bool:
    """Print both counts of every audience and whether the sets are equal; tell whether all are."""
    line = "{:<20}{:<18}{:<12}{:>12}{:>14}  {}"
    print("\n" + line.format("tool", "audience", "identifier", "in the tool", "in the model", ""))
    verdicts = []
    for held in EXPECTED:
        members = audiences.get((held.place, held.audience), {})
        for type_, wanted in members_of_model(held).items():
            there = members.get(type_, set())
            verdicts.append(verdict(there, wanted))
            print(line.format(held.place, held.audience, type_, len(there), len(wanted), verdicts[-1]))
    return set(verdicts) == {"equal"}


def verdict(there: set[str], wanted: set[str]) -> str:
    """Compare two sets of members, in a word or two."""
    if there == wanted:
        return "equal"
    return f"DIFFERENT: {len(wanted - there)} missing, {len(there - wanted)} too many"


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a text stream here
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
