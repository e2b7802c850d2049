"""The suite finds what is broken: each broken destination fails the test that is about it."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.docs.pages import ROOT
from tests.testing.broken import BROKEN

SUITE = "tests/testing/broken_suite.py"


def test_broken_destinations_fail() -> None:
    """Of each broken destination, the test of the promise that it breaks fails, in a run of pytest."""
    tests = [f"{SUITE}::Test{kind.__name__}::{kind.promise}" for kind in BROKEN]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=no", "-rA", "-q"]
    done = subprocess.run([*command, *tests], cwd=ROOT, capture_output=True, text=True, check=False)
    found = {
        name: outcome for outcome, name in re.findall(r"^(\w+) \S+::Test(\w+)::", done.stdout, re.MULTILINE)
    }
    assert found == {kind.__name__: "FAILED" for kind in BROKEN}, done.stdout + done.stderr
