"""A simulated month of the example project: a sync every morning, and exactly what people hear of it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
import yaml

from dbt_activate import Project
from dbt_activate.sandbox import Fault, Sandbox
from tests.alerts.post_office import Letterbox

EXAMPLE = Path(__file__).parents[2] / "dbt_project_example"
START = datetime(1997, 2, 20, 6)  # noqa: DTZ001  (the state holds UTC without a zone)
DAYS = range(1, 31)

FOLDER = {"schedule": "daily", "warnings": {"size_change": {"value": 0.5, "runs": 5}}}
EMARSYS = {"warnings": {"rejected_share": 0.04}}
LAPSED = "activation: {warnings: {unchanged_days: {value: 3, level: error}}}"

UNKNOWN_CONTACTS = range(4, 7)
FAILING_WEEK = range(8, 15)
BATCH_IS_OUT = range(16, 18)
NO_NEW_ORDERS = range(19, 24)
HALF_A_LOAD = 25
TEAM_IS_DOWN = range(25, 27)

EXPECTED = """
4  WARN emarsys.win_back: rejected_share: 55 of 791 members rejected, 7.0%, of at most 4.0%
7  RECOVERED emarsys.win_back: rejected_share: 0 of 929 members rejected, 0.0%, of at most 4.0%
8  WARN criteo.big_spenders: held: its test spend_is_plausible failed
9  WARN criteo.big_spenders: overdue: no success for 48 hours (schedule: daily)
15 RECOVERED criteo.big_spenders: held: nothing holds it
15 RECOVERED criteo.big_spenders: overdue: it was synced
16 ERROR batch.win_back: failed: the sync failed: Batch answered
17 WARN batch.win_back: overdue: no success for 48 hours (schedule: daily)
18 RECOVERED batch.win_back: failed: the sync went well
18 RECOVERED batch.win_back: overdue: it was synced
22 ERROR criteo.lapsed_customers: unchanged_days: nobody has entered or left for 4 days, of at most 3 days
24 RECOVERED criteo.lapsed_customers: unchanged_days: nobody has entered or left for 0 days, of at most 3 days
27 ERROR criteo.big_spenders: guard: a guard stopped it: 845 of 849 members would be removed (99.5%)
27 WARN criteo.big_spenders: size_change: 4 members, 99.5% fewer than the mean of 812 of the last 5 runs
27 RECOVERED criteo.big_spenders: guard: no guard stopped it
27 RECOVERED criteo.big_spenders: size_change: 863 members, 6.3% more than the mean of 812 of the last 5 runs
"""
"""What the team hears, and on which day. The figures are those of the shop's real orders."""


@pytest.fixture
def demo(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The demo of a copy of the example; the working directory and the environment point to that."""
    ignored = shutil.ignore_patterns("target", "logs", "*.duckdb*", "__pycache__")
    root = Path(shutil.copytree(EXAMPLE, tmp_path / "example", ignore=ignored))
    spec = importlib.util.spec_from_file_location("demo", root / "demo.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "demo", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    monkeypatch.chdir(root)
    environment = dict(os.environ)
    module.point_the_project_to(sandbox.url)
    yield module
    os.environ.clear()
    os.environ.update(environment)


@dataclass
class Month:
    """Thirty mornings of the example's shop.

    Attributes:
        root: The project.
        sandbox: Where it activates into.
        team: The channel that hears of everything.
        now: The time.
        failed_days: On which days an activation failed, or an error stood.
    """

    root: Path
    sandbox: Sandbox
    team: Letterbox
    now: datetime = START
    failed_days: list[int] = field(default_factory=list)

    def watch(self) -> None:
        """Say in the project what to warn of, at three levels, and whom to tell."""
        self.rewrite("dbt_project.yml", FOLDER, "models", "shop", "segments", "+meta", "activation_defaults")
        self.rewrite("destinations.yml", EMARSYS, "emarsys", "defaults")
        segments = self.root / "models" / "segments" / "segments.yml"
        text = segments.read_text()
        assert text.count("activation: true") == 1
        segments.write_text(text.replace("activation: true", LAPSED))
        team = {"team": {"type": "slack", "url": self.team.url}}
        (self.root / "notifications.yml").write_text(yaml.safe_dump(team))

    def rewrite(self, file: str, more: dict[str, Any], *keys: str) -> None:
        """Add settings to a file of the project."""
        content = place = yaml.safe_load((self.root / file).read_text())
        for key in keys:
            place = place.setdefault(key, {})
        place |= more
        (self.root / file).write_text(yaml.safe_dump(content))

    def live(self) -> Iterator[str]:
        """Let thirty days go by, and yield what the team hears on each."""
        for day in DAYS:
            self.now = START + timedelta(days=day - 1)
            self.happen(day)
            project = Project(self.root, target="prod", clock=lambda: self.now)
            if not project.sync().success:
                self.failed_days.append(day)
            for line in (line for text in self.team.texts for line in text.splitlines()[1:]):
                yield f"{day:<2} {line.rpartition(' (')[0]}"
            self.team.letters.clear()

    def happen(self, day: int) -> None:
        """Let the world be as it is on a day."""
        self.build(NO_NEW_ORDERS.start - 1 if day in NO_NEW_ORDERS else day)
        self.record("fail" if day in FAILING_WEEK else "pass")
        if day == HALF_A_LOAD:
            self.query("delete from prod.big_spenders where customer_id > '00100'")
        self.sandbox.emarsys.configure(unknown=self.newcomers() if day in UNKNOWN_CONTACTS else frozenset())
        self.sandbox.faults.clear()
        if day in BATCH_IS_OUT:
            outage = Fault(vendor="batch", effect="error", status=503, retry_after=3600, times=None)
            self.sandbox.faults.add(outage)
        self.team.status = 503 if day in TEAM_IS_DOWN else 200

    def build(self, day: int) -> None:
        """Build the models as of a day, by the SQL that dbt compiled."""
        compiled = self.root / "target" / "compiled" / "shop" / "models"
        tables = ["marts/customers", *(f"segments/{one.stem}" for one in compiled.glob("segments/*.sql"))]
        for kind, names in (("view", ["staging/stg_orders"]), ("table", tables)):
            for name in names:
                sql = (compiled / f"{name}.sql").read_text()
                sql = sql.replace(f"{START:%Y-%m-%d}", f"{START + timedelta(days=day - 1):%Y-%m-%d}")
                self.query(f"create or replace {kind} prod.{Path(name).name} as {sql}")

    def record(self, status: str) -> None:
        """Write dbt's results of one more invocation, in which one test of the big spenders went so."""
        path = self.root / "target" / "run_results.json"
        content = json.loads(path.read_text())
        content["metadata"] |= {
            "invocation_id": str(uuid.uuid4()),
            "generated_at": f"{self.now.isoformat()}Z",
        }
        [result] = [one for one in content["results"] if one["unique_id"] == "test.shop.spend_is_plausible"]
        result["status"] = status
        path.write_text(json.dumps(content))

    def newcomers(self) -> frozenset[str]:
        """Return who is to be won back and is not in Emarsys yet."""
        [audience] = self.sandbox.emarsys.audiences()
        held = set(self.sandbox.emarsys.members(audience.id)["email"])
        return frozenset(row[0] for row in self.query("select email from prod.win_back")) - held

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement on the shop's database."""
        with duckdb.connect(str(self.root / "target" / "demo.duckdb")) as connection:
            return connection.execute(sql).fetchall()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_month_of_the_example_is_told_as_it_was(demo: ModuleType, sandbox: Sandbox, web: Letterbox) -> None:
    """Whatever goes wrong, and though the channel is down for two days: all of it, in order, and once."""
    month = Month(Path.cwd(), sandbox, web)
    month.watch()
    demo.forget_the_last_demo()
    demo.dbt("build", "--target", "prod", "--vars", f"{{today: {START:%Y-%m-%d}}}")
    told = list(month.live())
    expected = EXPECTED.strip().splitlines()
    assert len(told) == len(expected), "\n".join(told)
    assert [line[: len(wanted)] for line, wanted in zip(told, expected, strict=True)] == expected
    assert month.failed_days == [16, 17, 22, 23, 25]
    assert demo.compare({**demo.members_in_sandbox(sandbox.url), **demo.members_in_files()})
