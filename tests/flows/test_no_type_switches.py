"""What depends on the kind of data is a method of a flow: nobody else asks for its type."""

import ast
import re
from pathlib import Path

import pytest

import paramrel
from paramrel.flows import BayesianFlow, Flow, MixedFlow

PACKAGE = Path(paramrel.__file__).parent
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if "flows" not in path.parts]
KIND = re.compile(r"\b\w*(Flow|Theta)\b")


def questions(source):
    """The questions for the type of a flow or a θ in a text: isinstance, type(...), match."""
    for node in ast.walk(ast.parse(source)):
        called = isinstance(node, ast.Call) and getattr(node.func, "id", "")
        if called in ("isinstance", "issubclass") and KIND.search(ast.unparse(node.args[1])):
            yield ast.unparse(node)
        if isinstance(node, ast.Compare) and "type(" in ast.unparse(node.left):
            if KIND.search(ast.unparse(node.comparators[0])):
                yield ast.unparse(node)
        if isinstance(node, ast.MatchClass) and KIND.fullmatch(ast.unparse(node.cls)):
            yield ast.unparse(node)


def test_nobody_but_flows_asks_for_the_type_of_a_flow_or_of_theta():
    assert {path: [*questions(path.read_text(encoding="utf-8"))] for path in FILES} == {
        path: [] for path in FILES
    }


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(flow, CategoricalFlow)",
        "isinstance(theta, flows.GaussianTheta | Other)",
        "issubclass(kind, (A, MixedFlow))",
        "type(flow) is OneShotFlow",
        "match flow:\n    case MixedFlow():\n        pass",
    ],
)
def test_every_way_to_ask_is_found(source):
    assert len([*questions(source)]) == 1


def test_a_mixed_flow_answers_all_that_its_fields_do():
    """A method that it took from its base class would take dicts for tensors."""
    offered = {
        name for kind in (Flow, BayesianFlow) for name in vars(kind) if not name.startswith("_")
    }
    alike = {"check_output", "schedule"}  # made of methods that it has itself
    assert offered - set(vars(MixedFlow)) - alike == set()
