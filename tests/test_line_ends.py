"""Every checkout has the same bytes, which hashes go by, whatever Git's settings are."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def git(*words, text=""):
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository")
def test_no_setting_of_git_changes_the_ends_of_lines():
    files = git("ls-files", "-z")
    found = git("check-attr", "-z", "--stdin", "text", "eol", text=files).split("\0")[:-1]
    values = {(f, a): v for f, a, v in zip(found[::3], found[1::3], found[2::3], strict=True)}
    for file in files.split("\0")[:-1]:
        kept = values[file, "text"] == "unset"
        assert kept or (values[file, "text"], values[file, "eol"]) == ("auto", "lf"), file
        assert kept or not file.startswith(".dvc/store"), file
