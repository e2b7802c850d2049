"""A plan as Markdown, for a comment on a pull request: figures and settings, no identifier."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dbt_activate.config.comparison import ChangeKind
from dbt_activate.reporting.explanation_listing import shown
from dbt_activate.reporting.plan_document import share
from dbt_activate.reporting.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbt_activate.config.comparison import Change
    from dbt_activate.reporting.results import ActivationResult

MARKER = "<!-- dbt-activate plan -->"
"""The first line, by which the comment of an earlier run can be found."""

_LONGEST_VALUE = 120
_MEANING = {
    ChangeKind.OFF: "its audience stays as it is",
    ChangeKind.GONE: "its audience stays as it is until `dbt-activate prune`",
}
_MARKUP = re.compile(r"[\\`*_{}\[\]<>()#+!|~&@]")

Row = tuple[str, ...]


def plan_markdown(results: Sequence[ActivationResult], changes: Sequence[Change]) -> str:
    """Write what was planned, and what changed in the settings, as GitHub and GitLab show it."""
    parts = (
        MARKER,
        "## Activation plan",
        _summary(results),
        _audiences(results),
        _messages(results),
        *_changes(changes),
        _details(results),
    )
    return "\n\n".join(filter(None, parts))


def _summary(results: Sequence[ActivationResult]) -> str:
    if not results:
        return "No activation is selected."
    added, removed = sum(one.added for one in results), sum(one.removed for one in results)
    failed = sum(one.has_failed for one in results)
    plural = "" if len(results) == 1 else "s"
    words = f"{len(results)} activation{plural}: **{added:,}** would enter, **{removed:,}** would leave."
    return f"{words} **{failed} would fail.**" if failed else words


def _audiences(results: Sequence[ActivationResult]) -> str:
    if not results:
        return ""
    heads = ("Activation", "Audience", "In it now", "Enter", "Leave", "Afterwards", "Status")
    return _table(heads, map(_audience, results), numbers=range(2, 6))


def _audience(result: ActivationResult) -> Row:
    status = result.status.value
    return (
        _code(result.key),
        _code(result.activation.audience.name),
        *_figures(result),
        f"**{status}**" if result.has_failed else status,
    )


def _figures(result: ActivationResult) -> Row:
    if result.plan is None:
        return ("", "", "", "")
    held = result.plan.held
    growth = share(result.members - held, held)
    return (
        f"{held:,}",
        f"+{result.added:,}",
        f"−{result.removed:,}{_percent(share(result.removed, held))}",
        f"{result.members:,}{_percent(growth, '+')}",
    )


def _percent(part: float | None, sign: str = "") -> str:
    return f" ({part:{sign}.1%})".replace("-", "−") if part else ""


def _messages(results: Iterable[ActivationResult]) -> str:
    """List why activations would fail, or are left alone."""
    told = [one for one in results if one.message and one.status is not Status.PLANNED]
    lines = (f"- {_code(one.key)}: **{one.status.value}**. {_text(one.message)}" for one in told)
    return "\n".join(["### Messages", "", *lines]) if told else ""


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    if not changes:
        return
    yield "### Changed settings"
    yield "\n".join(map(_change, changes))
    rows = [
        (_code(change.key), _code(one.path), _value(one.before), _value(one.after))
        for change in changes
        for one in change.settings
    ]
    if rows:
        yield _table(("Activation", "Setting", "Before", "After"), rows)


def _change(change: Change) -> str:
    count = len(change.settings)
    settings = f"{count} setting{'' if count == 1 else 's'}" if count else ""
    meaning = _MEANING.get(change.kind, settings)
    return f"- {_code(change.key)}: **{change.kind.value}**{f', {meaning}' if meaning else ''}"


def _details(results: Iterable[ActivationResult]) -> str:
    planned = [one for one in results if one.plan is not None]
    if not planned:
        return ""
    heads = ("Activation", "Identifier", "Now", "Enter", "Leave", "Afterwards", "Invalid")
    table = _table(heads, (row for one in planned for row in _by_type(one)), numbers=range(2, 7))
    notes = [f"- {_code(one.key)}: {_text(note)}" for one in planned for note in one.notes]
    parts = ["<details><summary>By identifier</summary>", table, "\n".join(notes), "</details>"]
    return "\n\n".join(filter(None, parts))


def _by_type(result: ActivationResult) -> Iterator[Row]:
    for name, diff in result.required_plan().diffs.items():
        figures = (diff.held, diff.added.height, diff.removed.height, diff.size, diff.invalid)
        yield (_code(result.key), _code(name), *(f"{figure:,}" for figure in figures))


def _value(value: Any) -> str:
    text = shown(value)
    return _code(text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…") if text else "none"


def _table(heads: Row, rows: Iterable[Row], numbers: Iterable[int] = ()) -> str:
    right = set(numbers)
    rule = tuple("--:" if position in right else "---" for position in range(len(heads)))
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))


def _code(text: str) -> str:
    """Write what people have named as code, in which nothing is markup, no name is a mention."""
    flat = " ".join(text.split()).replace("|", "\\|")
    longest = max(map(len, re.findall("`+", flat)), default=0)
    fence = "`" * (longest + 1)
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{space}{flat}{space}{fence}"


def _text(message: str) -> str:
    """Write a message so that nothing in it is taken for markup."""
    escaped = (_MARKUP.sub(lambda one: f"&#{ord(one[0])};", line.strip()) for line in message.splitlines())
    return "<br>".join(escaped).replace("&#64;", "@<!-- -->")
