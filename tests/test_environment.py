"""pyproject.toml, environment.yml and requirements.txt name one and the same environment."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["study"]]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
LINES = (ROOT / "requirements.txt").read_text().splitlines()
LOCK = {canonicalize_name(name): version for name, version in (s.split("==") for s in LINES)}
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


def is_cuda(name: str) -> bool:
    """torch's own requirements on Linux, absent from a torch for CPUs and on other systems."""
    return name.startswith(("nvidia-", "cuda-")) or name == "triton"


def closure(python: str) -> set[str]:
    """Return all that the project needs under this Python, by what the installed packages say."""
    environment = {**LINUX, "python_version": python, "python_full_version": f"{python}.9"}
    todo = [Requirement(line) for line in NEEDED]
    seen: set[tuple[str, str]] = set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if is_cuda(name):
            continue
        assert requirement.specifier.contains(LOCK[name]), requirement
        for extra in {"", *requirement.extras} - {e for n, e in seen if n == name}:
            seen.add((name, extra))
            for needed in map(Requirement, metadata.requires(name) or []):
                if not needed.marker or needed.marker.evaluate({**environment, "extra": extra}):
                    todo.append(needed)
    return {name for name, _ in seen}


def test_the_lock_is_a_sorted_list_of_exact_registry_versions():
    assert [line for line in LINES if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9a-z.]+", line)] == []
    assert list(LOCK) == sorted(LOCK)
    assert len(LOCK) == len(LINES)


@pytest.mark.parametrize("line", NEEDED)
def test_every_requirement_is_met_by_its_pin(line):
    requirement = Requirement(line)
    assert requirement.specifier, "a range has a lower bound"
    assert requirement.specifier.contains(LOCK[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_holds_all_that_its_packages_need_and_nothing_else(python):
    installed = {canonicalize_name(d.name): Version(d.version) for d in metadata.distributions()}
    for name, version in LOCK.items():
        if name not in installed or installed[name].public != version:
            pytest.skip(f"{name} is not installed in its locked version {version}")
    needed = closure(python)
    assert needed <= set(LOCK)
    if python == "3.11":
        assert needed == set(LOCK)


def test_no_cuda_package_is_pinned_so_that_a_torch_for_cpus_fits_the_lock():
    assert [name for name in LOCK if is_cuda(name)] == []


def test_conda_brings_python_and_pip_brings_the_lock_and_this_package():
    python, pip, packages = CONDA
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert pip == "pip"
    assert packages == {"pip": ["-r requirements.txt", "-e ."]}


@pytest.mark.parametrize("file", ["pyproject.toml", "environment.yml", "requirements.txt"])
def test_no_address_of_a_registry_is_written_down(file):
    found = re.findall(r"://|--?index|find-links|trusted-host|@ ", (ROOT / file).read_text())
    assert found == []
