"""The examples of orchestrators are Python; tests/orchestrators carries them out, which is slow."""

from __future__ import annotations

import ast

from tests.docs.pages import ROOT, read_blocks


def test_examples_are_python() -> None:
    """Each parses, and together they are one for each orchestrator that has one."""
    blocks = [one for one in read_blocks(ROOT / "docs" / "running.md") if one.language == "python"]
    packages = set()
    for block in blocks:
        tree = ast.parse(block.text)
        packages |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {"airflow.sdk", "dagster", "prefect"} <= packages
