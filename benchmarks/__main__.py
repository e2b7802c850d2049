"""Run the benchmarks that are named, or all of them."""

from __future__ import annotations

import sys

from benchmarks import growth, no_change, push, scale, startup

BENCHMARKS = {
    module.__name__.rpartition(".")[2]: module.run for module in (startup, scale, no_change, push, growth)
}


def main(names: list[str]) -> int:
    """Run benchmarks; exit with 1 if a ratio or a peak is above its bar."""
    results = []
    for name in names or BENCHMARKS:
        print(f"\n== {name}", flush=True)
        results += [BENCHMARKS[name]()]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
