"""The OpenAPI document, pasted into the platform's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from checkout import Platform
from openapi_spec_validator import validate
from rows import Rows

pytestmark = pytest.mark.platform


@pytest.fixture(scope='module')
def own(mounted: Platform, own_rows: Rows) -> Any:
    """Return the document that the command prints."""
    printed = mounted.flask('runs-api', 'openapi', database=own_rows.address)
    assert printed.returncode == 0, printed.stderr
    return json.loads(printed.stdout)


@pytest.fixture(scope='module')
def merged(mounted: Platform, own: Any) -> Any:
    """Return the platform's document with our paths, and with those of our components that it lacks."""
    document = yaml.safe_load((mounted.path / 'openapi-ci-api.yaml').read_text())
    assert not document['paths'].keys() & own['paths'].keys()
    document['paths'] |= own['paths']
    for kind, components in own['components'].items():
        document['components'][kind] = components | document['components'].get(kind, {})
    return document


def test_both_documents_have_one_version(merged: Any, own: Any) -> None:
    assert own['openapi'] == merged['openapi']


def test_the_merged_document_is_valid(merged: Any) -> None:
    validate(merged)


def test_scopes_and_roles_are_marked_as_the_platforms_are(merged: Any, own: Any) -> None:
    theirs = [operation for path, operations in merged['paths'].items() if path not in own['paths']
              for operation in operations.values() if isinstance(operation, dict)]
    for operations in own['paths'].values():
        for operation in operations.values():
            assert any(other.get('x-required-scope') == operation['x-required-scope'] for other in theirs)
            assert {tag['name'] for tag in merged['tags']} >= set(operation['tags'])
