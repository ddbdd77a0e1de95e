"""A warning is an error in every test; what may be warned of stands here with its reason."""

import re
import tomllib
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SILENCED = {
    # What did not converge says so in the row's own column.
    "paramrel/metrics/disentanglement.py": 1,
    # torchmetrics warns that its kernel distance keeps all features, which the test wants.
    "tests/metrics/test_fidelity.py": 1,
    # torch.compile warns of what it finds in tensors while it compiles.
    "tests/reliability/test_parallel.py": 1,
}
IGNORE = re.compile(r"""(filterwarnings|simplefilter)\(\s*["'](ignore|once|default|module)""")


def test_warnings_are_errors_without_exception():
    pytest_options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    assert pytest_options["ini_options"]["filterwarnings"] == ["error"]
    with pytest.raises(UserWarning, match="careful"):
        warnings.warn("careful", stacklevel=1)


def test_a_warning_is_silenced_only_where_it_is_explained():
    paths = [*ROOT.glob("paramrel/**/*.py"), *ROOT.glob("tests/**/*.py")]
    counts = {
        path.relative_to(ROOT).as_posix(): len(IGNORE.findall(path.read_text(encoding="utf-8")))
        for path in paths
    }
    assert {name: count for name, count in counts.items() if count} == SILENCED
