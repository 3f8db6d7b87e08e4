"""Settings, and where an operator reads about them."""

import re

import pytest

from tasks.settings import Settings
from tests.support.stack import PROJECT

DOCUMENTED = set(re.findall(r"BATCHSCRIBE_([A-Z_]+)", (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_is_documented_in_operations(name):
    assert name.upper() in DOCUMENTED


def test_operations_document_no_setting_that_there_is_not():
    assert {name.lower() for name in DOCUMENTED} <= Settings.model_fields.keys()
