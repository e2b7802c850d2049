"""The kinds of channel by which people are alerted, and the keys of each in ``notifications.yml``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from dbt_activate.config.watches import Severity


def _web_address(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        is_fit = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:  # a port that is none; its message repeats it
        is_fit = False
    if not is_fit:
        raise ValueError("is no URL; it begins with https:// and a host")
    return url


def _address(text: str) -> str:
    name, _, domain = text.rpartition("@")
    if not (name and domain) or any(mark in text for mark in " ,;\n\r"):
        raise ValueError("is no e-mail address; write one such as team@example.com")
    return text


_PATIENCE_WITH_PIECES = 30.0

WebAddress = Annotated[SecretStr, AfterValidator(_web_address)]
EmailAddress = Annotated[str, AfterValidator(_address)]


class Security(StrEnum):
    """How a mail server is talked to."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class ChannelSettings(BaseModel):
    """What every entry of ``notifications.yml`` takes.

    Attributes:
        type: The kind of channel.
        level: The least urgent warnings that go there.
        destinations: Only warnings of activations into these entries of ``destinations.yml`` go there; of all
            by default.
        targets: Only warnings of these dbt targets go there; of all by default.
        timeout_seconds: How long a message may take before the channel counts as down.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: str
    level: Severity = Severity.WARN
    destinations: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)

    @property
    def patience_seconds(self) -> float:
        """How long one message may take, to all whom the channel sends it to."""
        return self.timeout_seconds


class SlackSettings(ChannelSettings):
    """An incoming webhook of Slack, or of a tool that takes the same, such as Mattermost.

    Attributes:
        url: The webhook's URL. It is a secret.
    """

    type: Literal["slack"]
    url: WebAddress


class WebhookSettings(ChannelSettings):
    """Any URL: it is sent JSON, with ``title``, ``message`` and the list ``alerts``.

    Attributes:
        url: The URL. It is a secret.
        headers: Headers to send along, such as ``Authorization``. Their values are secrets.
    """

    type: Literal["webhook"]
    url: WebAddress
    headers: dict[str, SecretStr] = Field(default_factory=dict)


class EmailSettings(ChannelSettings):
    """E-mail, by an SMTP server.

    Attributes:
        host: The server.
        port: Its port; by default 587, or 465 with ``tls``, or 25 with ``none``.
        security: How it is talked to.
        user: The user to sign in as; without one, nobody signs in.
        password: The user's password.
        sender: The address that it is from.
        to: The addresses that it goes to.
    """

    type: Literal["email"]
    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Security = Security.STARTTLS
    user: str | None = None
    password: SecretStr | None = None
    sender: EmailAddress
    to: tuple[EmailAddress, ...] = Field(min_length=1)

    @property
    def patience_seconds(self) -> float:
        """How long one message may take: each address gets a mail of its own."""
        return self.timeout_seconds * len(self.to)


class CommandSettings(ChannelSettings):
    """A program: it is given the same JSON as a webhook, on its standard input.

    Attributes:
        command: The program and its arguments; no shell is involved. It runs in the project's folder.
    """

    type: Literal["command"]
    command: tuple[str, ...] = Field(min_length=1, repr=False)


class AppriseSettings(ChannelSettings):
    """Any other service that Apprise reaches: Teams, Discord, PagerDuty, and many more.

    Attributes:
        url: Apprise's URL of the service, such as ``discord://id/token``. It is a secret.
    """

    type: Literal["apprise"]
    url: SecretStr

    @property
    def patience_seconds(self) -> float:
        """How long one message may take: Apprise waits between the pieces of a long one."""
        return max(self.timeout_seconds, _PATIENCE_WITH_PIECES)


CHANNEL_TYPES: Mapping[str, type[ChannelSettings]] = {
    "slack": SlackSettings,
    "email": EmailSettings,
    "webhook": WebhookSettings,
    "command": CommandSettings,
    "apprise": AppriseSettings,
}
"""The kinds of channel, by their ``type:``."""
