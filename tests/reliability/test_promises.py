"""docs/reliability.md names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/*.py"))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\S+\.py)`", PAGE))))
def test_a_file_that_the_page_names_is_there(name):
    assert (ROOT / "tests" / name).is_file()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", PAGE))))
def test_a_test_that_the_page_names_is_there(name):
    assert f"def {name}(" in TESTS
