"""The house: a room imports only rooms above it, and no two files import each other."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "paramrel"
ROOMS = (
    "data", "flows", "solvers", "networks", "models", "training", "runs", "tasks", "metrics",
    "measures", "tables", "figures", "study",
)  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    """Return a file's dotted name below the package; a room's own is that of its __init__."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path) for path in FILES}


def imports_of(path):
    """Return the files and rooms of the package that a file imports anywhere in its text."""
    found, here = set(), path.relative_to(PACKAGE).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = (node.module or "").split(".") if node.module else []
            if node.level:
                base = ["paramrel", *here[: len(here) - node.level + 1], *base]
            modules = [[*base, alias.name] for alias in node.names]
        for _, *parts in (parts for parts in modules if parts and parts[0] == "paramrel"):
            while parts and ".".join(parts) not in NAMES:
                parts = parts[:-1]
            found.add(".".join(parts))
    return found - {""}  # the package itself holds its version


def test_every_file_is_in_a_room():
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name[0] != "_"} == {
        *ROOMS
    }
    beside = {"__init__.py", "__main__.py", "commands.py"}  # no room imports the last two
    assert {path.name for path in PACKAGE.glob("*.py")} == beside


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_above_it(room):
    allowed = ROOMS[: ROOMS.index(room) + 1]
    below = {
        (name_of(path), imported)
        for path in FILES
        if name_of(path).split(".")[0] == room
        for imported in imports_of(path)
        if imported.split(".")[0] not in allowed
    }
    assert below == set()


def test_no_two_files_import_each_other():
    graph = {name_of(path): imports_of(path) for path in FILES}

    def reached(name, seen):
        for imported in graph.get(name, ()) if name not in ROOMS else ():
            if imported not in seen:
                seen.add(imported)
                reached(imported, seen)
        return seen

    # a room's __init__ names what its files hold: it is no part of a circle
    assert {name for name in graph if name not in ROOMS and name in reached(name, set())} == set()
