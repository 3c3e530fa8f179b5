"""The service against its own OpenAPI document."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from shared import __version__
from shared.service.app import create_app

schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(), headers={"Host": "127.0.0.1"})


@schema.parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_documented(case: schemathesis.Case):
    """Statuses, content types and shapes are as documented, and no input makes a 5xx.

    A schema cannot say that a file must be audio, so that a refusal of valid bytes is no finding.
    """
    case.call_and_validate(headers={"Host": "127.0.0.1"}, excluded_checks=[positive_data_acceptance])


def test_the_document_says_what_matters():
    document = create_app().openapi()
    for path in ("/v1/audio/transcriptions", "/v1/audio/translations"):
        responses = document["paths"][path]["post"]["responses"]
        assert {"200", "400", "401", "404", "413", "429", "500"} <= set(responses)
        assert "422" not in responses
        assert set(responses["200"]["content"]) >= {"application/json", "text/plain"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.parametrize("path", ["/", "/v1"])
def test_the_address_itself_says_what_it_is(path: str):
    shown = TestClient(create_app(), base_url="http://127.0.0.1:8321").get(path)
    assert shown.status_code == 200 and shown.headers["content-type"].startswith("text/plain")
    assert "curl -F file=@" in shown.text and "http://127.0.0.1:8321/v1/audio/transcriptions" in shown.text
    assert "pocketsphinx" in shown.text and __version__ in shown.text


def test_no_page_that_loads_from_elsewhere():
    """FastAPI's own documentation pages fetch scripts from a CDN."""
    paths = {route.path for route in create_app().routes}
    assert not paths & {"/docs", "/redoc"}
