"""One request, one answer, over a pooled connection. The only module that imports `requests`.

What `requests` raises is not passed on: its errors carry the request, with the body and the headers.
"""

from __future__ import annotations

import json
import ssl
from contextlib import nullcontext
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from dbt_activate.errors import AuthenticationError
from dbt_activate.http.answer import Answer, Request
from dbt_activate.http.discretion import discretion

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 10.0
"""How long making a connection may take: a host that is up answers in far less."""

CONNECTIONS = 64
"""The most idle connections kept: the most that `concurrency` may be."""


class NoAnswerError(Exception):
    """No usable answer came.

    Attributes:
        sent: Whether the request, or a part of it, may have reached the tool.
        late: Whether it was sent, and no answer came in time.
    """

    def __init__(self, reason: str, *, sent: bool, late: bool) -> None:
        self.sent = sent
        self.late = late
        super().__init__(reason)


class Wire:
    """Connections to one base URL, for any number of threads."""

    def __init__(self, base_url: str, timeout_seconds: float) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeouts = (min(CONNECT_SECONDS, timeout_seconds), timeout_seconds)
        self._session = _session()

    @property
    def host(self) -> str:
        """Where requests go, for messages."""
        return urlsplit(self._base_url).netloc

    def exchange(self, request: Request, headers: Mapping[str, str]) -> Answer:
        """Send a request once.

        Redirects are not followed: the headers hold credentials, and belong to one host.

        Raises:
            NoAnswerError: The connection failed, or broke before the whole answer was there.
        """
        try:
            with discretion() if request.personal and request.params else nullcontext():
                response = self._session.request(
                    request.method,
                    self._base_url + request.path,
                    params=dict(request.params),
                    data=_payload(request),
                    auth=_Headers({**_content_type(request), **headers}),
                    timeout=self._timeouts,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            late = isinstance(error, requests.ReadTimeout)
            raise NoAnswerError(_reason(error), sent=_was_sent(error), late=late) from None
        return _answer(response)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()


class _Headers(requests.auth.AuthBase):
    """Sets headers last of all. Without an `auth`, requests would put one from ~/.netrc over ours."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        # http.client would refuse such a value too, and quote it.
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise AuthenticationError(
                "A credential holds a character that cannot be sent, such as a line break at its end. "
                "Check it where destinations.yml takes it from."
            )
        self._headers = headers

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers.update(self._headers)
        return prepared


def _session() -> requests.Session:
    session = requests.Session()
    session.headers["User-Agent"] = f"dbt-activate/{version('dbt-activate')}"
    session.headers["Accept"] = "application/json"
    # Cookies would be the one thing that the threads of a session change under each other.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_maxsize=CONNECTIONS)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _payload(request: Request) -> bytes | dict[str, str] | None:
    if request.form is not None:
        return dict(request.form)
    if request.content is not None:
        return request.content
    if request.body is None:
        return None
    # In UTF-8 rather than escaped: the size of a delivery is reckoned so.
    return json.dumps(request.body, separators=(",", ":"), ensure_ascii=False).encode()


def _content_type(request: Request) -> dict[str, str]:
    usual = {} if request.body is None else {"Content-Type": "application/json"}
    return {**usual, **request.headers}


def _answer(response: requests.Response) -> Answer:
    body, readable = _parse(response.content)
    return Answer(response.status_code, response.headers, body, readable)


def _parse(content: bytes) -> tuple[Any, bool]:
    if not content.strip():
        return None, True
    try:
        return json.loads(content), True
    except (ValueError, RecursionError):
        return None, False


def _was_sent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return False
    return not (isinstance(_cause(error), NewConnectionError) or _is_distrust(error))


def _is_distrust(error: requests.RequestException) -> bool:
    """Tell whether the certificate was not trusted: encryption may also break after a request was sent."""
    cause = _cause(error)
    return any(isinstance(each, ssl.SSLCertVerificationError) for each in getattr(cause, "args", ()))


def _cause(error: requests.RequestException) -> object:
    """Return the error of urllib3 that ended its attempts, or None."""
    return getattr(error.args[0] if error.args else None, "reason", None)


def _reason(error: requests.RequestException) -> str:
    """Say what broke. The error's own text may quote what was sent, so it is not repeated."""
    match error:
        case requests.ConnectTimeout():
            return "no connection could be made in time"
        case requests.Timeout():
            return "no answer came in time (timeout_seconds)"
        case requests.exceptions.SSLError() if _is_distrust(error):
            return "its certificate is not trusted here (REQUESTS_CA_BUNDLE names those that are)"
        case requests.exceptions.SSLError():
            return "the encrypted connection broke"
        case requests.exceptions.ProxyError():
            return "the proxy cannot be reached (HTTPS_PROXY)"
        case _ if not _was_sent(error):
            return "no connection could be made (check the address and the network)"
        case _:
            return "the connection broke before the whole answer was there"
