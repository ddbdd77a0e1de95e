"""Downloads: they resume, they are taken only whole, and a failure names the file and the cause."""

import hashlib
import os
import socket

import pytest

from paramrel.data.disk.download import TRIES, File, download, fetch

CONTENT = os.urandom(3_000_000)
CHECKSUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def path(root, server):
    server.content = CONTENT
    return root / "set" / "images.gz"


def part_of(path):
    return path.with_name(path.name + ".part")


def is_whole(path):
    return path.read_bytes() == CONTENT and not part_of(path).exists()


def test_a_missing_file_is_downloaded_with_its_folder(path, root, server):
    file = File("set/images.gz", CHECKSUM, f"{server.url}/images.gz")
    assert fetch(file, root) == path
    assert is_whole(path) and server.asked == [None]


def test_a_file_that_is_there_is_not_asked_for_again(path, root, server):
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    before = path.stat()
    fetch(File("set/images.gz", CHECKSUM, server.url), root)
    after = path.stat()  # its time of access may differ, for its checksum was read
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert server.asked == []


def test_a_file_that_is_there_but_wrong_is_named_and_left_alone(path, root, server):
    path.parent.mkdir()
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match=r"images\.gz is damaged or another file: its sha256 is"):
        fetch(File("set/images.gz", CHECKSUM, server.url), root)
    assert path.read_bytes() == CONTENT[:-1] and server.asked == []


def test_a_download_that_breaks_off_goes_on_where_it_stopped(path, server):
    server.cuts = [1_000_000, 2_000_000]
    download(server.url, path, CHECKSUM)
    assert is_whole(path)
    assert server.asked == [None, "bytes=1000000-", "bytes=2000000-"]


def test_a_download_that_keeps_breaking_off_leaves_its_part_for_the_next_time(path, server):
    server.cuts = [1_000_000] + [1_000_001] * (TRIES - 1)
    with pytest.raises(OSError, match=r"images\.gz could not be downloaded from http.*broke off"):
        download(server.url, path, CHECKSUM)
    assert not path.exists() and part_of(path).stat().st_size == 1_000_001
    download(server.url, path, CHECKSUM)
    assert is_whole(path) and server.asked[-1] == "bytes=1000001-"


def test_a_server_without_ranges_makes_a_download_start_again(path, server):
    server.knows_ranges = False
    server.cuts = [1_000_000]
    download(server.url, path, CHECKSUM)
    assert is_whole(path)


def test_a_part_that_was_whole_already_is_taken(path, server):
    path.parent.mkdir()
    part_of(path).write_bytes(CONTENT)
    download(server.url, path, CHECKSUM)
    assert is_whole(path)


@pytest.mark.parametrize("part", [b"", CONTENT + b"more", b"other" * 1000])
def test_a_wrong_checksum_is_told_and_nothing_is_kept(path, server, part):
    path.parent.mkdir()
    part_of(path).write_bytes(part)
    if not part:
        server.content = b"<html>please log in</html>"
    with pytest.raises(ValueError, match="is damaged or another file.*not hold the original"):
        download(server.url, path, CHECKSUM)
    assert list(path.parent.iterdir()) == []


def test_a_file_that_the_server_does_not_have_is_told_at_once(path, server):
    with pytest.raises(OSError, match=r"images\.gz could not be downloaded from .*missing: .*404"):
        download(f"{server.url}/missing", path, CHECKSUM)
    assert not path.exists() and len(server.asked) == 1


def test_a_server_that_is_not_there_is_told(path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(OSError, match=r"images\.gz could not be downloaded from http"):
        download(url, path, CHECKSUM)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a disk without room")
def test_a_full_disk_is_told_and_the_download_goes_on_when_there_is_room(path, server):
    path.parent.mkdir()
    part_of(path).symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"images\.gz could not be downloaded.*No space left"):
        download(server.url, path, CHECKSUM)
    assert not path.exists()
    part_of(path).unlink()
    download(server.url, path, CHECKSUM)
    assert is_whole(path)


def test_a_missing_folder_is_named_with_the_place_that_offers_it(root):
    with pytest.raises(FileNotFoundError, match="no folder .*faces; .* what http://a/ offers"):
        fetch(File("faces", "", "http://a/"), root)
