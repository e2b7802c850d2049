"""Jobs in threads: how many at once, in which lanes, and what ends them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from dbt_activate.operations.runner import Job, Runner


@dataclass
class Yard:
    """Jobs that note who is at work.

    Attributes:
        most: The most jobs at work at once, by lane; all of them under an empty name.
        ended: The names of the jobs, in the order in which they ended.
    """

    at_work: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    ended: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def job(self, name: str, lane: str | None = None, seconds: float = 0.02) -> Job[str]:
        """Make a job."""

        def work() -> str:
            with self.lock:
                for where in {"", lane or name}:
                    self.at_work[where] += 1
                    self.most[where] = max(self.most[where], self.at_work[where])
            time.sleep(seconds)
            with self.lock:
                self.at_work.subtract({"", lane or name})
                self.ended.append(name)
            return name

        return Job(work, lane)


def runner(threads: int, **more: bool) -> Runner[str]:
    """Make a runner; a job fails whose name says so."""
    return Runner(threads, lambda: None, lambda result: result == "fails", **more)


def test_one_lane_one_job_at_a_time_and_the_others_are_not_held_up() -> None:
    """Jobs of a lane follow each other, and take no thread from those that need not wait."""
    yard, four = Yard(), runner(4)
    slow = [yard.job(f"slow {number}", "list", seconds=0.2) for number in range(3)]
    free = [yard.job(f"free {number}") for number in range(6)]
    four.run([*slow, *free])
    assert yard.most["list"] == 1
    assert yard.most[""] == 4
    assert set(yard.ended[:6]) == {f"free {number}" for number in range(6)}
    assert yard.ended[6:] == ["slow 0", "slow 1", "slow 2"]
    assert four.results == dict(enumerate(["slow 0", "slow 1", "slow 2", *(f"free {n}" for n in range(6))]))


def test_two_lanes_go_side_by_side() -> None:
    """A lane is nothing to another one."""
    yard = Yard()
    runner(4).run([yard.job(f"{lane}{number}", lane, 0.1) for number in range(2) for lane in "ab"])
    assert yard.most == {"": 2, "a": 1, "b": 1}


def test_no_more_than_the_threads() -> None:
    """There are never more at work than asked for."""
    yard = Yard()
    runner(2).run([yard.job(str(number)) for number in range(7)])
    assert yard.most[""] == 2
    assert len(yard.ended) == 7


def test_fail_fast_begins_nothing_more() -> None:
    """After a failure nothing is begun; what waited for its lane is not begun either."""
    yard, one = Yard(), runner(1, fail_fast=True)
    one.run([yard.job("fine"), yard.job("fails"), yard.job("late", "lane"), yard.job("later", "lane")])
    assert yard.ended == ["fine", "fails"]
    assert one.begun == {0, 1}
