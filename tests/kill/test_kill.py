"""A sync that is killed with ``kill -9`` at any moment, and then one clean sync."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shop import Shop, sha256

PEOPLE = [f"person{number}@shop.test" for number in range(40)]
KILLS_PER_SEED = 13
SEEDS = range(4)


class Nursery:
    """A process that starts syncs."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.kill.nursery"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def start(self) -> int:
        """Start a sync, and return its process id."""
        return int(self._ask("sync"))

    def wait(self) -> int:
        """Wait until it has ended, and return its exit code; -9 if it was killed."""
        return int(self._ask("wait"))

    def close(self) -> None:
        """End."""
        self._process.communicate()

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@pytest.fixture
def nursery(shop: Shop) -> Iterator[Nursery]:
    """A nursery whose syncs send three members at a time, to a tool that takes its time."""
    shop.rewrite("destinations.yml", lambda text: text + "  delivery_size: 3\n")
    shop.configure("newcomers", {"destination": "criteo", "enabled": False})
    shop.configure("vip_customers", {"destination": "criteo", "audience": "VIP customers"})
    shop.sandbox.latency_seconds = 0.01
    started = Nursery(shop.root)
    yield started
    started.close()


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_one_clean_sync_after_a_kill_ends_with_the_segment(shop: Shop, nursery: Nursery, seed: int) -> None:
    """After kill -9 at a random moment, with the segment changing in between, nobody is lost or left."""
    chance = random.Random(seed)  # noqa: S311  (not for secrets)
    killed = 0
    shop.hold("vip_customers", PEOPLE[:20])
    longest = timed_sync(nursery)
    while killed < KILLS_PER_SEED:
        shop.hold("vip_customers", chance.sample(PEOPLE, 20))
        process = nursery.start()
        time.sleep(chance.uniform(0, longest))
        os.kill(process, signal.SIGKILL)
        killed += nursery.wait() == -signal.SIGKILL
        wanted = chance.sample(PEOPLE, 20)
        shop.hold("vip_customers", wanted)
        nursery.start()
        assert nursery.wait() == 0
        assert shop.audience().get("email", set()) == sha256(wanted)


def timed_sync(nursery: Nursery) -> float:
    """Run a sync that adds everybody, and return how long it took."""
    started = time.monotonic()
    nursery.start()
    assert nursery.wait() == 0
    return time.monotonic() - started
