"""What the README shows runs as it stands, on little data and with few steps."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from paramrel.__main__ import main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.+?)^```", README, re.DOTALL | re.MULTILINE)
COMMANDS = re.findall(r"^paramrel .+", README, re.MULTILINE)


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


@pytest.mark.parametrize("program", PROGRAMS, ids=["images", "table"])
def test_a_program_runs(program, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    generator = torch.Generator().manual_seed(0)
    names = {
        "x": 2 * torch.rand(200, 1, 4, 4, generator=generator) - 1,
        "df": people(),
        "y": np.arange(40),
    }
    assert "steps=2000" in program
    exec(program.replace("steps=2000", "steps=2"), names)
    for name, shape in re.findall(r"^(\w+) = .*# \(N, (\d+)\)", program, re.MULTILINE):
        assert names[name].shape[1] == int(shape)
    if "filled" in names:
        assert names["filled"].notna().all(axis=None) and set(names["women"]["sex"]) == {"f"}
        assert "categorical" in capsys.readouterr().out


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
