"""Asks the REST API, and raises its problems as errors of ours."""

from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from cli.hints import hint
from config.settings import Settings
from errors import BadInput, Broken, Conflict, Denied, ImsError, NotFound, Unreachable, Untrusted

# An answer to a deletion comes after ten minutes at the latest (IMS_API_WAIT).
_ANSWER_SECONDS = 660.0
_CONNECT_SECONDS = 10.0
_GATEWAY = "/apis/ims"
_ERRORS: dict[int, type[ImsError]] = {
    HTTPStatus.BAD_REQUEST: BadInput,
    HTTPStatus.UNAUTHORIZED: Denied,
    HTTPStatus.FORBIDDEN: Denied,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.REQUEST_TIMEOUT: Unreachable,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.PRECONDITION_FAILED: Conflict,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: BadInput,
    HTTPStatus.UNPROCESSABLE_ENTITY: BadInput,
    HTTPStatus.TOO_MANY_REQUESTS: Unreachable,
    HTTPStatus.BAD_GATEWAY: Unreachable,
    HTTPStatus.SERVICE_UNAVAILABLE: Unreachable,
    HTTPStatus.GATEWAY_TIMEOUT: Unreachable,
}


class ApiClient:
    """The API v3 at an address.

    Args:
        url: The address, with or without `/apis/ims`.
        http: What asks; its headers have the token.
    """

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url = base_of(url)
        self._http = http

    @classmethod
    def of(cls, settings: Settings) -> "ApiClient":
        """Return the client that the settings name.

        Raises:
            BadInput: The file of the token or of the authorities cannot be read.
        """
        known = settings.client
        headers = {"Accept": "application/json"}
        if token := settings.api.token.get_secret_value() or _token_in(known.token_file):
            headers["Authorization"] = f"Bearer {token}"
        timeout = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        try:
            http = httpx.Client(headers=headers, timeout=timeout, verify=str(known.ca_file) if known.ca_file else True)
        except OSError as error:
            raise BadInput(f"IMS_API_CA_FILE {known.ca_file} cannot be read: {error}") from error
        return cls(str(known.url), http)

    def call(self, method: str, path: str, body: Any = None, *, force: bool = False) -> Any:
        """Ask the API, and return the value of its answer; None when it has no content.

        Raises:
            BadInput, NotFound, Conflict, Denied: The API refuses.
            Unreachable: It does not answer, or cannot serve now.
            Broken: What answers is not this API.
        """
        parameters = {"force": "true"} if force else {}
        try:
            answer = self._http.request(method, f"{self.url}/v3/{path}", json=body, params=parameters)
        except httpx.TransportError as error:
            raise self._not_reached(error) from error
        if not answer.is_success:
            raise self._refusal(answer)
        if answer.status_code == HTTPStatus.ACCEPTED:
            hint(f"It goes on: {self._value(answer)['address']}")
            return None
        return self._value(answer) if answer.content else None

    def _not_reached(self, error: httpx.TransportError) -> ImsError:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Untrusted(
                f"the certificate of the REST API {self.url} is not trusted: {error}",
                resolution="name the site's authorities by IMS_API_CA_FILE",
            )
        return Unreachable(
            f"the REST API {self.url} does not answer: {error or type(error).__name__}",
            resolution="check IMS_API_URL, and that `ims up` or `ims api` runs there",
        )

    def _refusal(self, answer: httpx.Response) -> ImsError:
        kind = _ERRORS.get(answer.status_code, Broken)
        try:
            detail = str(answer.json()["detail"])
        except (ValueError, KeyError, TypeError):
            detail = f"{self.url} answered {answer.status_code} {answer.reason_phrase}, and not as the REST API does"
        if kind is Denied:
            return Denied(detail, resolution="set IMS_API_TOKEN or IMS_API_TOKEN_FILE to a token with this right")
        # The API has put its resolution behind the message.
        message, _, resolution = detail.partition("; ")
        return kind(message, resolution=resolution)

    def _value(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            raise Broken(
                f"{self.url} is not the REST API: its answer is no JSON", resolution="check IMS_API_URL"
            ) from error


def base_of(url: str) -> str:
    """Return what the paths of versions are put behind, of an address as users write it."""
    bare = url.rstrip("/").removesuffix("/v3").removesuffix(_GATEWAY)
    return f"{bare}{_GATEWAY}"


def _token_in(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"IMS_API_TOKEN_FILE {file} cannot be read: {error}") from error
