"""Time whole processes, in turn, and compare their medians."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Process:
    """One run of one process.

    Attributes:
        seconds: Wall time from start to end.
        megabytes: The most memory that it held at once (resident, 10**6 bytes).
    """

    seconds: float
    megabytes: float


def run(command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Process:
    """Run a process once.

    Raises:
        RuntimeError: It failed; its output is in the message.
    """
    started = time.perf_counter()
    child = subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert child.stdout is not None
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{command} ended with {child.returncode}:\n{output.decode()[-3000:]}")
    return Process(seconds, usage.ru_maxrss * 1024 / 1e6)


@dataclass(frozen=True)
class Comparison:
    """Runs of a process beside runs of its baseline."""

    ours: list[Process]
    baseline: list[Process]

    @property
    def ratio(self) -> float:
        """Our median wall time over the baseline's."""
        return median(p.seconds for p in self.ours) / median(p.seconds for p in self.baseline)

    @property
    def difference(self) -> float:
        """Our median wall time less the baseline's, in seconds."""
        return median(p.seconds for p in self.ours) - median(p.seconds for p in self.baseline)

    @property
    def peak(self) -> float:
        """The most megabytes of any of our runs."""
        return max(p.megabytes for p in self.ours)

    def lines(self) -> list[str]:
        """Describe both, as minimum, median and maximum."""
        return [_line("dbt-activate", self.ours), _line("baseline", self.baseline)]


def compare(
    ours: Sequence[str],
    baseline: Sequence[str],
    *,
    runs: int,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Comparison:
    """Run both in turn, after one warm-up each: the machine's drift then meets both."""
    run(ours, cwd=cwd, env=env)
    run(baseline, cwd=cwd, env=env)
    pairs = [(run(ours, cwd=cwd, env=env), run(baseline, cwd=cwd, env=env)) for _ in range(runs)]
    return Comparison([pair[0] for pair in pairs], [pair[1] for pair in pairs])


def verdict(name: str, value: float, bar: float, *, at_least: bool = False) -> bool:
    """Print a figure beside its bar, and tell whether it is kept."""
    kept = value >= bar if at_least else value <= bar
    relation = "at least" if at_least else "at most"
    print(f"  {name}: {value:.2f} ({relation} {bar:g}) {'ok' if kept else 'MISSED'}", flush=True)
    return kept


def _line(name: str, runs: list[Process]) -> str:
    seconds = sorted(p.seconds for p in runs)
    peak = max(p.megabytes for p in runs)
    return (
        f"  {name:<12} {seconds[0]:.3f} / {median(seconds):.3f} / {seconds[-1]:.3f} s "
        f"(min / median / max of {len(runs)}), peak {peak:.0f} MB"
    )
