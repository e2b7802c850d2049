"""A simulated month of a small shop: a sync every morning, and exactly what people hear of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml

from dbt_activate import Project
from dbt_activate.sandbox import Fault
from tests.alerts.post_office import Letterbox
from tests.shop import Shop

START = datetime(2026, 6, 1, 6)  # noqa: DTZ001  (the state holds UTC without a zone)

WARNINGS = {
    "rejected_share": 0.1,
    "size_change": {"value": 0.5, "runs": 5},
    "unchanged_days": {"value": 3, "level": "error"},
    "overdue": 36,
}

FAILING_WEEK = range(8, 15)
QUIET = range(18, 24)
CRITEO_IS_OUT = (16, 17)
TEAM_IS_DOWN = (25, 26)
UNKNOWN = frozenset(f"person{number}@shop.test" for number in range(34, 39))
"""Whom Emarsys does not know from the 4th day to the 6th."""

EXPECTED = """
4  WARN emarsys.newcomers: rejected_share: 5 of 39 members rejected, 12.8%, of at most 10.0%
7  RECOVERED emarsys.newcomers: rejected_share: 0 of 42 members rejected, 0.0%, of at most 10.0%
8  WARN criteo.newcomers: held: its model failed
8  WARN emarsys.newcomers: held: its model failed
9  WARN criteo.newcomers: overdue: no success for 48 hours, of at most 36
9  WARN emarsys.newcomers: overdue: no success for 48 hours, of at most 36
15 RECOVERED criteo.newcomers: held: nothing holds it
15 RECOVERED criteo.newcomers: overdue: it was synced
15 RECOVERED emarsys.newcomers: held: nothing holds it
15 RECOVERED emarsys.newcomers: overdue: it was synced
16 ERROR criteo.newcomers: failed: the sync failed
17 WARN criteo.newcomers: overdue: no success for 48 hours, of at most 36
18 RECOVERED criteo.newcomers: failed: the sync went well
18 RECOVERED criteo.newcomers: overdue: it was synced
21 ERROR emarsys.newcomers: unchanged_days: nobody has entered or left for 4 days, of at most 3 days
22 ERROR criteo.newcomers: unchanged_days: nobody has entered or left for 4 days, of at most 3 days
24 RECOVERED criteo.newcomers: unchanged_days: nobody has entered or left for 0 days, of at most 3 days
24 RECOVERED emarsys.newcomers: unchanged_days: nobody has entered or left for 0 days, of at most 3 days
27 ERROR criteo.newcomers: guard: a guard stopped it
27 WARN criteo.newcomers: size_change: 10 members, 81.3% fewer
27 ERROR emarsys.newcomers: guard: a guard stopped it
27 WARN emarsys.newcomers: size_change: 10 members, 81.3% fewer
27 RECOVERED criteo.newcomers: guard: no guard stopped it
27 RECOVERED criteo.newcomers: size_change: 61 members
27 RECOVERED emarsys.newcomers: guard: no guard stopped it
27 RECOVERED emarsys.newcomers: size_change: 61 members
"""
"""What the team hears, and on which day."""


def size(day: int) -> int:
    """Return how many people the segment has on a day: one more every day, and once six."""
    return 30 + day + (5 if day >= 4 else 0)


@dataclass
class Month:
    """Thirty mornings of one shop.

    Attributes:
        shop: The shop.
        team: The channel that hears of everything.
        now: The time.
    """

    shop: Shop
    team: Letterbox
    now: datetime = START

    def __post_init__(self) -> None:
        shop, entries = self.shop, yaml.safe_load((self.shop.root / "destinations.yml").read_text())
        emarsys = {**shop.sandbox.entry("emarsys"), "targets": ["prod"]}
        (shop.root / "destinations.yml").write_text(yaml.safe_dump({**entries, "emarsys": emarsys}))
        team = {"team": {"type": "slack", "url": self.team.url}}
        (shop.root / "notifications.yml").write_text(yaml.safe_dump(team))
        common: dict[str, Any] = {"mapping": {"email": "email"}, "warnings": WARNINGS}
        shop.configure(
            "newcomers",
            [{"destination": name, "name": "newcomers", **common} for name in ("criteo", "emarsys")],
        )
        shop.configure("vip_customers", None)

    def live(self) -> Iterator[str]:
        """Let thirty days go by, and yield what the team hears on each."""
        for day in range(1, 31):
            self.now = START + timedelta(days=day - 1)
            self.happen(day)
            project = Project(self.shop.root, clock=lambda: self.now)
            project.sync()
            for line in (line for text in self.team.texts for line in text.splitlines()[1:]):
                yield f"{day:<2} {line.rpartition(' (')[0]}"
            self.team.letters.clear()

    def happen(self, day: int) -> None:
        """Let the world be as it is on a day."""
        shop = self.shop
        shop.sandbox.emarsys.configure(unknown=UNKNOWN if day in (4, 5, 6) else frozenset())
        shop.sandbox.faults.clear()
        if day in CRITEO_IS_OUT:
            outage = Fault(vendor="criteo", effect="error", status=503, retry_after=3600, times=None)
            shop.sandbox.faults.add(outage)
        self.team.status = 503 if day in TEAM_IS_DOWN else 200
        last = 10 if day == 25 else size(QUIET.start - 1 if day in QUIET else day)
        shop.hold("newcomers", [f"person{number}@shop.test" for number in range(last)])
        if day in FAILING_WEEK:
            shop.rebuild(newcomers="error")


@pytest.mark.long
def test_a_month_is_told_as_it_was(shop: Shop, web: Letterbox) -> None:
    """Whatever goes wrong, and though the channel is down for two days: all of it, in order, and once."""
    month = Month(shop, web)
    told = list(month.live())
    expected = EXPECTED.strip().splitlines()
    assert len(told) == len(expected), "\n".join(told)
    assert [line[: len(wanted)] for line, wanted in zip(told, expected, strict=True)] == expected
    people = {f"person{number}@shop.test" for number in range(size(30))}
    [held] = shop.sandbox.emarsys.audiences()
    assert set(shop.sandbox.emarsys.members(held.id)["email"]) == people
