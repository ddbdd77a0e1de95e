"""What `import paramrel` gives."""

import doctest
import subprocess
import sys
from importlib import import_module

import pytest

import paramrel

RUNNER = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
# What has an example of its own elsewhere, or is a table.
WITHOUT_EXAMPLE = {"METHODS"}
# Packages that the extra `study` brings.
STUDY = {
    "IPython", "dvc", "h5py", "ipywidgets", "matplotlib", "nbformat", "papermill", "pytest",
    "ruamel", "seaborn", "yaml",
}  # fmt: skip


@pytest.mark.parametrize("name", paramrel.__all__)
def test_a_public_name_is_there_and_its_docstring_s_example_runs(name):
    found = getattr(paramrel, name)
    if name in WITHOUT_EXAMPLE:
        return
    finder = doctest.DocTestFinder(recurse=True)
    module = import_module(found.__module__)
    examples = [test for test in finder.find(found, name, module) if test.examples]
    assert examples, f"{name} has no example"
    for test in examples:
        assert RUNNER.run(test).failed == 0


@pytest.mark.parametrize("name", ["from_tensors", "from_torch", "from_dataframe", "from_folder"])
def test_a_maker_of_own_data_has_an_example_that_runs(name):
    maker = getattr(paramrel.Dataset, name)
    (example,) = doctest.DocTestFinder().find(maker, name, import_module(maker.__module__))
    assert example.examples and RUNNER.run(example).failed == 0


def test_the_package_s_own_example_runs():
    assert doctest.testmod(paramrel).failed == 0


def test_completion_offers_the_public_names_and_nothing_else():
    offered = [name for name in dir(paramrel) if not name.startswith("__")]
    assert offered == paramrel.__all__ and 15 <= len(offered) <= 25


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        paramrel.nothing  # noqa: B018


def test_importing_the_package_does_not_import_torch():
    check = "import sys, paramrel; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


def test_without_the_study_s_packages_the_library_works():
    """A finder refuses them, as if the extra `study` were not installed."""
    program = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {STUDY}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
import paramrel
for name in paramrel.__all__:
    getattr(paramrel, name)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
