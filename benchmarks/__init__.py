"""What dbt-activate costs, as ratios of medians against named baselines, in one run on one machine.

Run them all with ``make bench``, or one with ``python -m benchmarks no_change``. A figure in seconds
means little on another machine; a ratio does.
"""
