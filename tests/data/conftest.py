"""What the tests of the data share: a cache and a data folder of their own, and a web server."""

import hashlib
import re
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from paramrel.data import DATASETS


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """An empty folder that stands for PARAMREL_DATA; prepared sets go beside it."""
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PARAMREL_DATA", str(tmp_path / "files"))
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path / "files")
    return tmp_path / "files"


@pytest.fixture
def accept_files(root, monkeypatch):
    """Return a function that makes the small files of a data set pass for the originals."""

    def accept(name):
        source, reading = DATASETS[name]
        files = []
        for file in source.files:
            path = root / file.path
            checksum = f"md5:{md5(path.read_bytes())}" if path.is_file() else file.checksum
            files.append(replace(file, checksum=checksum))
        source = replace(source, files=tuple(files))
        monkeypatch.setitem(DATASETS, name, (source, reading))
        return source

    return accept


@pytest.fixture
def holds():
    """Return a function that says whether a set's parts together hold exactly these images."""

    def holds(dataset, images):
        splits = (dataset.train, dataset.validation, dataset.test)
        found = [row.numpy() for split in splits for row in split.x.levels[split.x.rows]]
        return sorted(row.tobytes() for row in found) == sorted(row.tobytes() for row in images)

    return holds


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `content` at every address but /missing; breaks off as `cuts` says."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cuts, self.knows_ranges, self.asked = b"", [], True, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        content = self.server.content
        start = int(re.findall(r"\d+", wanted)[0]) if wanted and self.server.knows_ranges else 0
        if self.path == "/missing":
            return self.send_error(404)
        if start and start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = self.server.cuts.pop(0) if self.server.cuts else len(content)
        self.wfile.write(content[start:end])

    def log_message(self, *words):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
