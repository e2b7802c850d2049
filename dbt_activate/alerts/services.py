"""Web addresses, mail servers and all other services, reached by way of Apprise (an extra)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from dbt_activate.alerts.overhearing import overheard, without
from dbt_activate.config.channels import Security

if TYPE_CHECKING:
    from dbt_activate.alerts.message import Message
    from dbt_activate.config.channels import AppriseSettings, EmailSettings, SlackSettings, WebhookSettings

_SECURE_MODES = {Security.STARTTLS: "starttls", Security.TLS: "ssl", Security.NONE: "insecure"}
MOST_PIECES = 5
"""In how many pieces a text is sent, at most; a longer one is cut, lest somebody gets dozens of SMS."""

_APPRISES_OWN = {"version": "", "attachments": ""}
"""Keys that Apprise puts into its JSON, and that are left out of ours."""


class ChannelDownError(Exception):
    """A message was not taken; the text says why, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Service:
    """Something that Apprise reaches.

    Attributes:
        address: Apprise's URL, or the parts of one.
        title: The title to send.
        text: The text to send.
        secrets: What must appear in no message.
        is_fitted: Whether a text that is too long for the service is sent in pieces, or cut; else it is left
            to Apprise. Sent whole, it might be refused at every run.
    """

    address: str | dict[str, Any] = field(repr=False)
    title: str
    text: str
    secrets: tuple[str, ...] = field(repr=False)
    is_fitted: bool = False

    def notify(self, *, is_good: bool) -> None:
        """Send it.

        Raises:
            ChannelDownError: It was not taken, or Apprise is not installed.
        """
        try:
            from apprise import Apprise, NotifyFormat, NotifyType
        except ImportError:
            raise ChannelDownError("needs Apprise: pip install 'dbt-activate[notifications]'") from None
        kind = NotifyType.SUCCESS if is_good else NotifyType.WARNING
        with overheard() as said:
            try:
                plugin = Apprise.instantiate(self.address)
                taken = plugin and plugin.notify(
                    self.text,
                    self.title,
                    notify_type=kind,
                    body_format=NotifyFormat.TEXT,
                    overflow=self._overflow(plugin.body_maxlen),
                )
            except Exception as error:  # a plugin may raise anything, with anything in it
                raise ChannelDownError(f"not sent ({type(error).__name__})") from None
        if not taken:
            raise ChannelDownError(without(self.secrets, " ".join(said)) or "not taken")

    def _overflow(self, longest: int) -> str | None:
        if not self.is_fitted:
            return None
        return "split" if len(self.text) <= MOST_PIECES * longest else "truncate"


def slack(settings: SlackSettings, message: Message) -> Service:
    """Make what a webhook of Slack takes: JSON with nothing but ``text``."""
    payload = {**_APPRISES_OWN, "title": "", "type": "", "message": "text"}
    address, secrets = _web(settings.url.get_secret_value(), payload, {}, settings.timeout_seconds)
    return Service(address, "", f"*{_for_slack(message.title)}*\n{_for_slack(message.text)}", secrets)


def webhook(settings: WebhookSettings, message: Message) -> Service:
    """Make what any webhook can read: JSON with ``title``, ``message``, ``type`` and ``alerts``."""
    headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
    payload = {**_APPRISES_OWN, "alerts": list(message.alerts)}
    address, secrets = _web(settings.url.get_secret_value(), payload, headers, settings.timeout_seconds)
    return Service(address, message.title, message.text, secrets)


def send_email(settings: EmailSettings, message: Message) -> str:
    """Send an e-mail in plain text to each address.

    One address that is refused must not make the others hear everything again, so the mail counts as taken
    once somebody got it.

    Returns:
        How many did not get it; an empty text if all did.

    Raises:
        ChannelDownError: Nobody got it.
    """
    began, failures, taken = time.monotonic(), list[ChannelDownError](), 0
    for address in settings.to:
        if failures and not taken and time.monotonic() - began >= settings.timeout_seconds:
            break  # the server is down, and not only for somebody
        try:
            _email(settings, address, message).notify(is_good=message.is_good)
            taken += 1
        except ChannelDownError as down:
            failures.append(down)
    if not taken:
        raise failures[0]
    missed = len(settings.to) - taken
    return f"{missed} of {len(settings.to)} addresses did not take it" if missed else ""


def _email(settings: EmailSettings, to: str, message: Message) -> Service:
    password = settings.password.get_secret_value() if settings.password else None
    address = {
        "schema": "mailto" if settings.security is Security.NONE else "mailtos",
        "secure": settings.security is not Security.NONE,
        "secure_mode": _SECURE_MODES[settings.security],
        "host": settings.host,
        "smtp_host": settings.host,
        "port": settings.port,
        "user": settings.user,
        "password": password,
        "from_addr": f"dbt-activate <{settings.sender}>",
        "targets": [to],
        "format": "text",
        **_timeouts(settings.timeout_seconds),
    }
    return Service(address, message.title, message.text, (password or "", settings.user or ""))


def any_service(settings: AppriseSettings, message: Message) -> Service:
    """Make a message to whatever a URL of Apprise leads to."""
    url = settings.url.get_secret_value()
    secrets = (url, *_parts(url.partition("://")[2]))
    return Service(url, message.title, message.text, secrets, is_fitted="overflow=" not in url)


def _web(
    url: str, payload: Mapping[str, Any], headers: Mapping[str, str], timeout_seconds: float
) -> tuple[dict[str, Any], tuple[str, ...]]:
    parts = urlsplit(url)
    address = {
        "schema": "jsons" if parts.scheme == "https" else "json",
        "secure": parts.scheme == "https",
        "host": f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname,
        "port": parts.port,
        "fullpath": parts.path,
        "params": parse_qs(parts.query, keep_blank_values=True),
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "headers": dict(headers),
        "payload": dict(payload),
        **_timeouts(timeout_seconds),
    }
    user, _, _ = parts.netloc.rpartition("@")
    return address, (url, *_parts(f"{user}/{parts.path}?{parts.query}"), *headers.values())


def _timeouts(seconds: float) -> dict[str, float]:
    return {"cto": seconds, "rto": seconds}


def _parts(text: str) -> Iterator[str]:
    """Yield every part of what stands in a URL, as it is and decoded."""
    for part in re.split(r"[/?&=:@#,;]", text):
        yield from (part, unquote(part))


def _for_slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
