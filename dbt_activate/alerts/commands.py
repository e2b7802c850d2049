"""Programs that are handed a message."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from dbt_activate.alerts.services import ChannelDownError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dbt_activate.alerts.message import Message
    from dbt_activate.config.channels import CommandSettings


def run_command(
    settings: CommandSettings, message: Message, folder: Path, environment: Mapping[str, str]
) -> None:
    """Run a program with the message as JSON on its standard input.

    Args:
        settings: The program.
        message: The message.
        folder: Where it runs.
        environment: Its environment variables.

    Raises:
        ChannelDownError: It cannot be run, fails, or takes too long.
    """
    try:
        done = subprocess.run(
            settings.command,
            input=as_json(message).encode(),
            # Not a pipe: what the program leaves running may hold it open for ever.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=settings.timeout_seconds,
            check=False,
            cwd=folder,
            env=dict(environment),
        )
    except subprocess.TimeoutExpired:
        raise ChannelDownError(f"the command took longer than {settings.timeout_seconds:g} seconds") from None
    except OSError as error:
        raise ChannelDownError(f"the command cannot be run: {error.strerror}") from None
    if done.returncode:
        raise ChannelDownError(f"the command ended with exit code {done.returncode}")


def as_json(message: Message) -> str:
    """Write a message as programs get it."""
    content = {"title": message.title, "message": message.text, "alerts": list(message.alerts)}
    return json.dumps(content, ensure_ascii=False)
