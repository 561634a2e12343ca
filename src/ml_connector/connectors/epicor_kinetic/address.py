"""Where an instance is and how calls are signed in there, from the settings of a connection (dossier 2, 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ml_connector.connectors.epicor_kinetic.errors import wrong_settings
from ml_connector.connectors.epicor_kinetic.manifest import DEFAULT_SCOPE, DEFAULT_TOKEN_URL
from ml_connector.connectors.side import Side

_BEHIND_THE_INSTANCE: Final = re.compile(r"/(?:apps|api|tokenresource\.svc)(?:/.*)?$", re.IGNORECASE)
_TOKEN_RESOURCE: Final = re.compile(r"/tokenresource\.svc/?$", re.IGNORECASE)


class SignIn(StrEnum):
    """How calls are signed in (Epicor dossier 3)."""

    BASIC = "user and password with each call"
    TOKEN_RESOURCE = "a token of the instance's token resource"  # noqa: S105 words for people
    CLIENT_CREDENTIALS = "a token of the identity provider"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in, and where. Which of them are set follows from `sign_in`."""

    sign_in: SignIn
    token_url: str = ""
    username: str = ""
    client_id: str = ""
    scope: str = ""
    password: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)

    @classmethod
    def of(cls, side: Side) -> Credentials:
        """From the settings of a connection. Raises Refused (address wrong) where they contradict each other."""
        values, secrets = side.values, side.secrets
        username, client_id = text_of(values, "username"), text_of(values, "client_id")
        token_url, api_key = text_of(values, "token_url"), secrets.get("api_key", "").strip()
        if not api_key:
            raise wrong_settings("api_key is missing: the server wants it beside the sign-in (API Key Maintenance)")
        if username and client_id:
            raise wrong_settings(
                "username and client_id are both set: set the one that signs in and leave out the other"
            )
        if token_url and urlsplit(token_url).scheme not in ("http", "https"):
            raise wrong_settings(f"token_url {token_url!r} is no address such as {DEFAULT_TOKEN_URL}")
        if client_id:
            return cls._of_client(client_id, token_url, text_of(values, "scope"), secrets, api_key)
        return cls._of_user(username, token_url, secrets, api_key)

    @classmethod
    def _of_client(
        cls, client_id: str, token_url: str, scope: str, secrets: Mapping[str, str], api_key: str
    ) -> Credentials:
        if not secrets.get("client_secret"):
            raise wrong_settings(f"client_secret is missing for client_id {client_id}")
        if _TOKEN_RESOURCE.search(token_url):
            raise wrong_settings(
                "token_url is the instance's token resource, which takes a user: set username and password instead of"
                " client_id, or set token_url to the identity provider's"
            )
        return cls(
            sign_in=SignIn.CLIENT_CREDENTIALS, token_url=token_url or DEFAULT_TOKEN_URL, client_id=client_id,
            scope=scope or DEFAULT_SCOPE, client_secret=secrets["client_secret"], api_key=api_key,
        )  # fmt: skip

    @classmethod
    def _of_user(cls, username: str, token_url: str, secrets: Mapping[str, str], api_key: str) -> Credentials:
        if not username:
            raise wrong_settings(
                "nobody is named to sign in: set username and password, or client_id and client_secret"
            )
        if not secrets.get("password"):
            raise wrong_settings(f"password is missing for username {username}")
        if not token_url:
            return cls(SignIn.BASIC, username=username, password=secrets["password"], api_key=api_key)
        if not _TOKEN_RESOURCE.search(token_url):
            raise wrong_settings(
                "token_url is no token resource (which ends in /TokenResource.svc), and only that takes a user: leave"
                " it out to sign in with user and password, or set client_id and client_secret"
            )
        return cls(
            SignIn.TOKEN_RESOURCE, token_url=token_url.rstrip("/") + "/", username=username,
            password=secrets["password"], api_key=api_key,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Address:
    """An instance's root and the company in it."""

    root: str
    """`https://host/instance`, without a slash at its end."""
    company: str
    site: str = ""
    """ID of the site that calls are made in, empty for the user's own."""

    @classmethod
    def of(cls, side: Side) -> Address:
        """From the settings of a connection. Raises Refused (address wrong) where they cannot be right."""
        company = text_of(side.values, "company")
        if not company:
            raise wrong_settings("company is missing: set the ID of the company, such as EPIC06")
        return cls(_root_of(text_of(side.values, "base_url")), company, text_of(side.values, "site"))

    def of_service(self, service: str, member: str) -> str:
        """The address of a set or a method of a service."""
        return f"{self.root}/api/v2/odata/{quote(self.company, safe='')}/{service}/{member}"


def text_of(values: Mapping[str, Any], name: str) -> str:
    """A setting as text without blanks around it, empty where it is not set."""
    value = values.get(name)
    return "" if value is None else str(value).strip()


def _root_of(base_url: str) -> str:
    """Addresses copied from a browser often end in a slash, `/apps/...` or `/api/...` (Epicor dossier 2.1)."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise wrong_settings(f"base_url {base_url!r} is no address such as https://erp.example.com/KineticLive")
    path = _BEHIND_THE_INSTANCE.sub("", parts.path).rstrip("/")
    if not path:
        raise wrong_settings(f"base_url {base_url!r} names no instance: it is the first part of the path, as in"
                             " https://erp.example.com/KineticLive")  # fmt: skip
    return f"{parts.scheme}://{parts.netloc}{path}"
