"""Whether any step's cost grows faster than its rows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import verdict
from benchmarks.shop import Shop, make_shop, sandbox

SIZES = (125_000, 500_000, 2_000_000)
RUNS = 3
TOLERANCE = 1.35
"""By how much the cost of a row may grow while the rows grow fourfold: caches end, and clocks are noisy."""


def run() -> bool:
    """Time each step of a sync at three sizes, and compare the cost of a row."""
    costs = {size: _costs(size) for size in SIZES}
    kept = []
    for step in costs[SIZES[0]]:
        seconds = [costs[size][step] for size in SIZES]
        print(f"  {step:<34}" + "".join(f"{value:>9.3f} s" for value in seconds))
        growth = max(
            (later / SIZES[i + 1]) / (max(seconds[i], 0.05) / SIZES[i]) for i, later in enumerate(seconds[1:])
        )
        kept.append(verdict(f"{step}: cost of a row, larger / smaller", growth, TOLERANCE))
    return all(kept)


def _costs(size: int) -> dict[str, float]:
    steps = {
        "first sync (everybody is added)": _first,
        "sync with nothing to change": _nothing,
        "sync after 1 % left and 1 % came": _some,
        "full refresh (nobody is sure)": _full_refresh,
    }
    with tempfile.TemporaryDirectory() as folder, sandbox() as url:
        shop = make_shop(Path(folder), size)
        shop.point_to(url)
        print(f"  {size:,} rows", flush=True)
        return {name: step(shop, size) for name, step in steps.items()}


def _first(shop: Shop, size: int) -> float:
    del size
    return _timed(shop)


def _nothing(shop: Shop, size: int) -> float:
    del size
    return median(_timed(shop) for _ in range(RUNS))


def _some(shop: Shop, size: int) -> float:
    shop.build(size, first=size // 100)
    return _timed(shop)


def _full_refresh(shop: Shop, size: int) -> float:
    del size
    return _timed(shop, full_refresh=True)


def _timed(shop: Shop, **options: Any) -> float:
    """Time one sync in this process: what the imports cost does not grow with anything."""
    from dbt_activate import Project

    sync: Callable[..., Any] = Project(shop.folder, profiles_dir=shop.folder).sync
    started = time.perf_counter()
    result = sync(everything=True, **options)
    seconds = time.perf_counter() - started
    assert result.success, result
    return seconds
