"""No committed file tells of the machine, the person or the secrets of whoever made it."""

import getpass
import re
import socket
import subprocess
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SECRETS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a cloud key": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b",
    "a token of a code host": r"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{20}|\bglpat-[\w-]{20}",
    "a token of a registry": r"\bpypi-[A-Za-z0-9_-]{40}|\bhf_[A-Za-z0-9]{30}|\bsk-[A-Za-z0-9-]{30}",
    "a token of a chat": r"\bxox[abprs]-[0-9A-Za-z-]{10}",
    "a password": r"(?i)\b(password|passwd|secret|api_?key|token)\s*[=:]\s*[\"'][^\"'\s]{8,}[\"']",
    "a password in an address": r"https?://[^/\s:@\"']+:[^/\s@\"']+@",
}
# A folder of someone's home or of a workplace; /dev and /etc of the tests are no one's.
MACHINE = {
    "a home": r"/(home|Users)/[a-z][\w.-]*/|/root/|[A-Z]:\\+Users\\+\w",
    "a temporary folder": r"/tmp/\w|/var/folders/\w|/private/var/",
    "a folder of a workplace": r"(?<![\w./-])/(work|mnt|srv|scratch|workspace)/\w",
    "a checkout": re.escape(str(ROOT)),
}
COMMON_NAMES = {"root", "user", "admin", "runner", "jovyan", "ubuntu", "localhost"}


def tracked():
    """Return the committed files, or skip where this is no checkout."""
    command = ["git", "-C", ROOT, "ls-files", "-z"]
    try:
        listing = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listing.split("\0") if name]
    return [path for path in paths if path.is_file() and path != Path(__file__)]


def texts():
    """Yield (name, text) of every committed file; of pictures, the bytes that could be text."""
    for path in tracked():
        yield path.relative_to(ROOT).as_posix(), path.read_bytes().decode("utf-8", "replace")


def found(pattern):
    compiled = re.compile(pattern)
    return [
        (name, match.group()[:60]) for name, text in texts() for match in compiled.finditer(text)
    ]


@pytest.mark.parametrize("kind", SECRETS)
def test_no_committed_file_holds(kind):
    assert found(SECRETS[kind]) == []


@pytest.mark.parametrize("kind", MACHINE)
def test_no_committed_file_names_a_path_of_a_machine(kind):
    assert found(MACHINE[kind]) == []


def test_no_committed_file_names_the_user_or_the_machine_that_runs_this():
    names = {getpass.getuser(), socket.gethostname(), Path.home().name} - COMMON_NAMES
    for name in names:
        assert len(name) < 4 or found(rf"\b{re.escape(name)}\b") == [], name


# What a figure of a study says of its origin, and nothing else.
ORIGIN = {
    "study": r"[\w-]+", "parameters_sha256": r"[0-9a-f]{64}", "git_revision": r"([0-9a-f]{40}\+?)?",
}  # fmt: skip


def test_pictures_hold_no_text_but_what_is_drawn_and_their_origin():
    """PNG chunks of text may name a program, an author or a time."""
    pictures = [path for path in tracked() if path.suffix == ".png"]
    assert pictures
    for path in pictures:
        assert not any(kind in path.read_bytes() for kind in (b"tIME", b"eXIf")), path
        with Image.open(path) as image:
            assert set(image.info) - {"dpi"} <= set(ORIGIN), path
            for name, text in image.text.items():
                assert re.fullmatch(ORIGIN[name], text), (path, name)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("/home/anna/x", MACHINE["a home"]),
        (r"C:\Users\anna", MACHINE["a home"]),
        ("/tmp/abc", MACHINE["a temporary folder"]),
        ("at /work/x", MACHINE["a folder of a workplace"]),
        ("ghp_" + "a" * 36, SECRETS["a token of a code host"]),
        ("https://anna:1234@host/", SECRETS["a password in an address"]),
        ('api_key = "abcdefghij"', SECRETS["a password"]),
    ],
)
def test_the_scan_finds_what_it_looks_for(text, pattern):
    assert re.search(pattern, text)
