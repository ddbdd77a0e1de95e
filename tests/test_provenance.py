"""The name of the code that made a number."""

import subprocess

import pytest

from paramrel.provenance import code_revision

STAGES = "stages: {measure: {cmd: 'true', deps: [data, paramrel/a.py]}}\n"


def git(*words):
    settings = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *settings, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A repository whose stage depends on one of two modules, each committed once."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(STAGES)
    (tmp_path / "paramrel").mkdir()
    git("init", "--quiet")
    for name in ("a", "b"):
        (tmp_path / "paramrel" / f"{name}.py").write_text(name)
        git("add", ".")
        git("commit", "--quiet", "-m", name)
    return tmp_path


def test_the_revision_is_the_last_commit_of_the_code_that_the_stage_depends_on(study):
    assert code_revision("measure") == git("rev-parse", "HEAD~1")


def test_uncommitted_changes_of_that_code_alone_are_marked(study):
    (study / "paramrel" / "b.py").write_text("other")
    assert not code_revision("measure").endswith("+")
    (study / "paramrel" / "a.py").write_text("other")
    assert code_revision("measure") == git("rev-parse", "HEAD~1") + "+"


def test_outside_a_repository_there_is_no_revision(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").write_text(STAGES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert code_revision("measure") == ""
