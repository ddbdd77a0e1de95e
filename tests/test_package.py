"""What `import paramrel` gives."""

import subprocess
import sys

import pytest

import paramrel


@pytest.mark.parametrize("name", paramrel.__all__)
def test_the_public_functions_are_there(name):
    assert callable(getattr(paramrel, name))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        paramrel.nothing  # noqa: B018


def test_importing_the_package_does_not_import_torch():
    check = "import sys, paramrel; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
