"""The demo, run as ``make demo`` runs it, in a copy of the example project."""

from __future__ import annotations

import importlib.util
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLE = Path(__file__).parents[1] / "dbt_project_example"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example project without what earlier runs left there."""
    ignored = shutil.ignore_patterns("target", "logs", "*.duckdb*", "__pycache__")
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project", ignore=ignored))


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The demo as a module."""
    spec = importlib.util.spec_from_file_location("demo", EXAMPLE / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "demo", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@contextmanager
def started(project: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the demo, and end it in any case."""
    command = [sys.executable, str(project / "demo.py")]
    with subprocess.Popen(
        command, cwd=project.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def files(project: Path) -> set[Path]:
    """Return the files of a project that git would see."""
    ignored = {"target", "logs"}
    return {path for path in project.rglob("*") if not ignored & set(path.relative_to(project).parts)}


@pytest.mark.slow
def test_every_audience_ends_up_equal_to_its_model(project: Path) -> None:
    """The demo ends well each time it is run, and leaves nothing outside of ignored folders."""
    before = files(project)
    for _ in range(2):
        with started(project) as process:
            output, _ = process.communicate()
        assert process.returncode == 0, output
        assert re.findall(r"(\S+)$", output, re.MULTILINE).count("equal") == 15
    assert files(project) == before


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_sandbox_ends_with_the_demo(project: Path, sent: signal.Signals, code: int) -> None:
    """A demo that is interrupted takes its sandbox with it and shows no traceback."""
    with started(project) as process:
        assert process.stdout is not None
        url = next(found for line in process.stdout if (found := re.search(r"127\.0\.0\.1:(\d+)", line)))
        process.send_signal(sent)
        rest = process.stdout.read()
    assert process.returncode == code
    assert "Traceback" not in rest
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url[1])), timeout=5)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"a", "b"}, "equal"),
        ({"a"}, "DIFFERENT: 1 missing, 0 too many"),
        ({"a", "c"}, "DIFFERENT: 1 missing, 1 too many"),
    ],
)
def test_audiences_are_compared_member_by_member(demo: ModuleType, there: set[str], said: str) -> None:
    """Two sets of equal size with other members in them are not called equal."""
    assert demo.verdict(there, {"a", "b"}) == said
