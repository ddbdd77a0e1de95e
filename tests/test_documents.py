"""What the README and docs/ show runs as it stands, on little data, small and with few steps."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torchvision.utils import save_image

from paramrel.__main__ import main
from paramrel.data import DATASETS
from paramrel.metrics.table import METRICS
from paramrel.models.build import BACKBONES, BAYESIAN
from paramrel.models.methods import METHODS
from paramrel.networks import CONDITIONING

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in FILES}
PROGRAM = re.compile(r"^#+ ([^\n]+)$|^```python\n(.+?)^```", re.DOTALL | re.MULTILINE)
COMMANDS = [line for text in TEXTS.values() for line in re.findall(r"^paramrel .+", text, re.M)]
SMALLER = {"steps=2000": "steps=2", "=32": "=8", "(32)": "(8)", "< 16": "< 4", "32, 32)": "8, 8)"}
TABLES = (METHODS, DATASETS, METRICS, BACKBONES, BAYESIAN, CONDITIONING)


def programs():
    """Every program, called by its file and the heading that it stands below."""
    for name, text in TEXTS.items():
        below = name
        for heading, program in PROGRAM.findall(text):
            below = heading or below
            if program:
                yield pytest.param(program, id=f"{name}: {below}")


def people(rows=40):
    """A table whose words, numbers and whole numbers are missing here and there."""
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows).astype(float),
            "height": rng.normal(1.7, 0.1, rows).round(2),
            "sex": rng.choice(["f", "m"], rows),
        }
    )
    return df.where(rng.random(df.shape) > 0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder with images, a table and a text."""
    folder = tmp_path_factory.mktemp("mine")
    generator = torch.Generator().manual_seed(0)
    (folder / "photos").mkdir()
    for i, image in enumerate(torch.rand(60, 3, 30, 40, generator=generator)):
        save_image(image, folder / f"photos/{i}.png")
    people().assign(zip=np.arange(40) % 5).to_csv(folder / "people.csv", index=False)
    letters = np.random.default_rng(0).choice(list("abcdefg "), 8000)
    (folder / "book.txt").write_text("".join(letters), encoding="utf-8")
    return folder


@pytest.fixture
def tables():
    """The tables that programs add rows to; afterwards they are what they were."""
    kept = [dict(table) for table in TABLES]
    yield
    for table, rows in zip(TABLES, kept, strict=True):
        table.clear()
        table.update(rows)


@pytest.mark.parametrize("program", [*programs()])
def test_a_program_runs(program, folder, tables, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PARAMREL_CACHE", str(folder / "cache"))
    generator = torch.Generator().manual_seed(0)
    names = {
        "x": 2 * torch.rand(200, 1, 4, 4, generator=generator) - 1,
        "df": people(),
        "y": np.arange(40),
    }
    for shown, run in SMALLER.items():
        program = program.replace(shown, run)
    exec(program, names)
    for name, shape in re.findall(r"^(\w+) = .*# \((N?[\d, ]+)\)", program, re.MULTILINE):
        assert re.fullmatch(shape.replace("N", r"\d+"), ", ".join(map(str, names[name].shape)))
    if "filled" in names:
        assert names["filled"].notna().all(axis=None)
        assert "categorical" in capsys.readouterr().out
    if "given=" in program:
        assert set(names["women"]["sex"]) == {"f"}


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_line_is_understood(line, monkeypatch):
    taken = []
    for name in ("fit", "encode", "sample", "complete"):
        monkeypatch.setattr(f"paramrel.commands.{name}", taken.append)
    words = shlex.split(line, comments=True)
    for command in " ".join(words).split(" && "):
        program, *rest = command.split()
        assert program == "paramrel"
        main(rest)
    assert len(taken) == line.count("&&") + 1
