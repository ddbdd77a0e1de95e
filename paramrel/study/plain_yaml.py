"""YAML as people mean it: the core of YAML 1.2, where nothing can be read in two ways.

PyYAML's own readers follow YAML 1.1: they take `010` for 8, `1:30` for 90 and `1e-3` for a text,
and of two equal keys they keep the last. DVC, which reads the same files, does not.
"""

import re
from collections.abc import Iterator

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

LARGEST = 50_000  # characters


MOST = 10_000  # values


WORDS = {
    "": None, "~": None, "null": None, "true": True, "false": False,
    ".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan"),
}  # fmt: skip


INTEGER = re.compile(r"[-+]?[0-9]{1,40}")


FLOAT = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,5})?")


def read_yaml(text: str) -> object:
    """Return the mappings, lists, texts, numbers, true, false and null that a text holds.

    Raises ValueError with the line and the cause for what is not YAML, and for what hides
    something: keys that stand twice, tags, very long, repetitive or deeply nested texts.
    """
    if len(text) > LARGEST:
        raise ValueError(f"it has {len(text):,} characters, more than {LARGEST:,}")
    try:
        node = yaml.compose(text, yaml.BaseLoader)
        return None if node is None else _value(node, (), iter(range(MOST)))
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML: {error}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _value(node: Node, around: tuple[Node, ...], budget: Iterator[int]) -> object:
    """around: the nodes that this one is in. Aliases can make a short text long, or without end."""
    line = node.start_mark.line + 1
    if node in around or next(budget, None) is None:
        raise ValueError(f"line {line}: aliases make this value too long; write it out")
    around += (node,)
    if node.tag not in ("tag:yaml.org,2002:" + kind for kind in ("str", "seq", "map")):
        raise ValueError(f"line {line}: the tag {node.tag} is not allowed; give a plain value")
    if isinstance(node, ScalarNode):
        return _scalar(node.value) if node.style is None else node.value
    if not isinstance(node, MappingNode):
        return [_value(child, around, budget) for child in node.value]
    mapping = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            raise ValueError(f"line {line}: a name is a list or a mapping; give a word")
        if key.value in mapping:
            raise ValueError(f"line {line}: {key.value!r} stands there for the second time")
        mapping[key.value] = _value(value, around, budget)
    return mapping


def _scalar(text: str) -> object:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    if INTEGER.fullmatch(text):
        return int(text)
    return float(text) if FLOAT.fullmatch(text) else text
