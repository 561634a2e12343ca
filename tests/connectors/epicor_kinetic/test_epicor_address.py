"""Where calls go and how they are signed in, from the settings (Epicor dossier 2, 3)."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector.connectors.epicor_kinetic.address import Address, Credentials, SignIn
from ml_connector.connectors.epicor_kinetic.connector import CONNECTOR
from ml_connector.connectors.epicor_kinetic.manifest import DEFAULT_SCOPE, DEFAULT_TOKEN_URL
from ml_connector.connectors.epicor_kinetic.options import Options
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.side import Side
from ml_connector.records.reason import Reason

USER = {"username": "basware"}
SECRETS = {"api_key": "k", "password": "p"}
RESOURCE = "https://erp.example.com/KineticLive/TokenResource.svc"


def side(values: dict[str, Any] | None = None, secrets: dict[str, str] | None = None) -> Side:
    usual = {
        "base_url": "https://erp.example.com/KineticLive",
        "company": "EPIC06",
        **(USER if values is None else values),
    }
    return Side("c", "4000", usual, SECRETS if secrets is None else secrets)


@pytest.mark.parametrize(
    "told",
    [
        "https://erp.example.com/KineticLive",
        "https://erp.example.com/KineticLive/",
        "https://erp.example.com/KineticLive/apps/erp/home",
        "https://erp.example.com/KineticLive/Apps/ERP/Home#/home",
        "https://erp.example.com/KineticLive/api/v2/odata/EPIC06",
        " https://erp.example.com/KineticLive/api/v2/odata/EPIC06/ ",
    ],
)
def test_an_address_copied_from_a_browser_leads_to_the_instance(told: str) -> None:
    address = Address.of(side({**USER, "base_url": told}))
    assert address.of_service("Erp.BO.VendorSvc", "Vendors") == (
        "https://erp.example.com/KineticLive/api/v2/odata/EPIC06/Erp.BO.VendorSvc/Vendors"
    )


@pytest.mark.parametrize(
    "told", ["", "erp.example.com/KineticLive", "ftp://erp.example.com/a", "https://erp.example.com/"]
)
def test_an_address_without_an_instance_is_refused(told: str) -> None:
    with pytest.raises(Refused) as refused:
        Address.of(side({**USER, "base_url": told}))
    assert refused.value.reason is Reason.ADDRESS_WRONG


def test_a_company_is_needed() -> None:
    with pytest.raises(Refused, match="company is missing"):
        Address.of(side({**USER, "company": " "}))


def test_a_user_alone_signs_in_with_each_call() -> None:
    assert Credentials.of(side()).sign_in is SignIn.BASIC


def test_a_user_with_the_token_resource_gets_tokens_there() -> None:
    found = Credentials.of(side({**USER, "token_url": RESOURCE}))
    assert (found.sign_in, found.token_url) == (SignIn.TOKEN_RESOURCE, f"{RESOURCE}/")


def test_a_client_signs_in_at_the_identity_provider_unless_told_otherwise() -> None:
    found = Credentials.of(side({"client_id": "x"}, {"api_key": "k", "client_secret": "s"}))
    assert (found.sign_in, found.token_url, found.scope) == (
        SignIn.CLIENT_CREDENTIALS,
        DEFAULT_TOKEN_URL,
        DEFAULT_SCOPE,
    )


@pytest.mark.parametrize(
    ("values", "secrets", "said"),
    [
        (USER, {"password": "p"}, "api_key is missing"),
        (USER, {"api_key": "k"}, "password is missing"),
        ({}, SECRETS, "nobody is named"),
        ({**USER, "client_id": "x"}, {**SECRETS, "client_secret": "s"}, "both set"),
        ({"client_id": "x"}, SECRETS, "client_secret is missing"),
        ({"client_id": "x", "token_url": RESOURCE}, {**SECRETS, "client_secret": "s"}, "takes a user"),
        ({**USER, "token_url": "https://login.example.com/connect/token"}, SECRETS, "no token resource"),
        ({**USER, "token_url": "login.example.com"}, SECRETS, "no address"),
    ],
)
def test_settings_that_contradict_each_other_are_a_sentence(
    values: dict[str, str], secrets: dict[str, str], said: str
) -> None:
    with pytest.raises(Refused, match=said) as refused:
        Credentials.of(side(values, secrets))
    assert refused.value.reason is Reason.ADDRESS_WRONG


def test_secrets_are_in_no_representation() -> None:
    found = repr(Credentials.of(side(USER, {"api_key": "top-key", "password": "top-word"})))
    assert "top-key" not in found
    assert "top-word" not in found


@pytest.mark.parametrize(("name", "value"), [("invoice_groups", "weekly"), ("vat_number_field", "VATNo")])
def test_a_choice_that_there_is_not_is_named(name: str, value: str) -> None:
    with pytest.raises(Refused, match=name):
        Options.of(side({**USER, name: value}))


def test_every_setting_that_is_read_is_in_the_form() -> None:
    names = {each.name for each in CONNECTOR.manifest.fields}
    assert names == {
        "base_url", "company", "api_key", "username", "password", "token_url", "client_id", "client_secret", "scope",
        "site", "chart", "invoice_groups", "posting_agent", "payment_terms", "vat_number_field",
    }  # fmt: skip
    assert CONNECTOR.manifest.secret_fields == {"api_key", "password", "client_secret"}
