"""The named sets: at hand, cached, downloaded from a server of our own on loopback, resumed, refused."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from pigeonhole.core.errors import DataError
from pigeonhole.core.progress import Silent
from pigeonhole.data import Chunk, ReadOptions
from pigeonhole.data.download import DownloadFailed, download
from pigeonhole.data.sources import find
from pigeonhole.data.sources.mnist import FILES, MnistSource, cache_folder
from pigeonhole.data.sources.mnist_sample import MnistSampleSource

from .making import idx, images, labels

CONTENTS = dict(
    zip(FILES, [idx(images(600)[..., 0]), idx(labels(600)), idx(images(30)[..., 0]), idx(labels(30))], strict=True)
)
HASHES = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
IMAGES = next(iter(FILES))


@dataclass
class Mirror:
    """A server that can break off, forget ranges, or serve other content."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    break_after: list[int] = field(default_factory=list)
    ranges: bool = True


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    state = Mirror(files={f"/{name}.gz": gzip.compress(content, mtime=0) for name, content in CONTENTS.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.requests.append((self.path, asked))
            content = state.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and state.ranges else 0
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = start + state.break_after.pop(0) if state.break_after else len(content)
            self.wfile.write(content[start:end])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def read(source: MnistSource) -> list[Chunk]:
    reading = source.read("mnist", ReadOptions())
    chunks = list(reading.chunks)
    assert [entry["sha256"] for entry in reading.facts["files"]] == list(HASHES.values())
    assert (np.concatenate([chunk.images_NHWC for chunk in chunks])[:600] == images(600)).all()
    return chunks


def test_downloaded_once_checked_and_kept_with_its_address(mirror: Mirror) -> None:
    source = MnistSource([mirror.url], HASHES)
    assert [chunk.split for chunk in read(source)] == ["train", "test"]
    asked = len(mirror.requests)
    read(source)
    assert len(mirror.requests) == asked == 4
    origins = source.read("mnist", ReadOptions()).facts["origins"]
    assert origins[0]["url"] == f"{mirror.url}/{IMAGES}.gz"
    assert origins[0]["downloaded_at"]
    assert sorted(path.name for path in (cache_folder() / "mnist").glob("*ubyte.gz")) == sorted(
        f"{n}.gz" for n in FILES
    )
    assert not list((cache_folder() / "mnist").glob(".*.part"))


def test_a_broken_connection_is_taken_up_where_it_broke(mirror: Mirror) -> None:
    mirror.break_after = [1000, 2000]
    read(MnistSource([mirror.url], HASHES))
    assert [asked for path, asked in mirror.requests if IMAGES in path] == [None, "bytes=1000-", "bytes=3000-"]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(mirror: Mirror) -> None:
    mirror.break_after = [1000, 1, 1]
    with pytest.raises(DataError):
        read(MnistSource([mirror.url], HASHES))
    mirror.requests.clear()
    read(MnistSource([mirror.url], HASHES))
    assert mirror.requests[0][1] == "bytes=1002-"


def test_a_server_without_ranges_is_read_from_the_beginning(mirror: Mirror) -> None:
    mirror.break_after, mirror.ranges = [1000], False
    read(MnistSource([mirror.url], HASHES))


def test_a_complete_part_of_another_file_is_loaded_again(mirror: Mirror, tmp_path: Path) -> None:
    url = f"{mirror.url}/{IMAGES}.gz"
    whole = mirror.files[f"/{IMAGES}.gz"]
    target = tmp_path / "file.gz"
    part = tmp_path / f".file.gz.{hashlib.sha256(url.encode()).hexdigest()[:12]}.part"
    part.write_bytes(b"x" * len(whole))
    download(
        [url], target, verify=lambda path: None if path.read_bytes() == whole else "other content", progress=Silent()
    )
    assert target.read_bytes() == whole
    assert [asked for _, asked in mirror.requests] == [f"bytes={len(whole)}-", None]


def test_the_next_mirror_is_tried_when_one_has_other_content_or_nothing(mirror: Mirror) -> None:
    mirror.files[f"/bad/{IMAGES}.gz"] = gzip.compress(b"something else")
    read(MnistSource([f"{mirror.url}/absent", f"{mirror.url}/bad", "http://127.0.0.1:9", mirror.url], HASHES))


def test_offline_and_absent_names_the_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIGEONHOLE_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        MnistSource(["http://127.0.0.1:9/a", "http://127.0.0.1:9/b"]).read("mnist", ReadOptions())
    message = str(caught.value)
    assert caught.value.exit_code == 3
    for part in ("127.0.0.1:9/a", "127.0.0.1:9/b", "refused", "PIGEONHOLE_DATA", str(tmp_path), "mnist-5k", "internet"):
        assert part in message


FULL = """
import resource, sys
from pathlib import Path
from pigeonhole.core.errors import DataError
from pigeonhole.core.progress import Silent
from pigeonhole.data.download import download
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    download([sys.argv[1]] * 2, Path(sys.argv[2]), verify=lambda _: None, progress=Silent())
except DataError as error:
    sys.exit(str(error))
"""


def test_a_full_disk_is_not_the_mirrors_fault(mirror: Mirror, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, f"{mirror.url}/{IMAGES}.gz", str(tmp_path / "x.gz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "the disk filled up" in done.stderr
    assert len(mirror.requests) == 1
    assert not (tmp_path / "x.gz").exists()


def test_several_processes_load_a_file_once(mirror: Mirror, tmp_path: Path) -> None:
    def load() -> None:
        download([f"{mirror.url}/{IMAGES}.gz"], tmp_path / "x.gz", verify=lambda _: None, progress=Silent())

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mirror.requests) == 1


def test_no_mirror_says_what_each_did(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed) as caught:
        download([f"{mirror.url}/absent"], tmp_path / "x", verify=lambda _: None, progress=Silent())
    assert caught.value.reasons == [f"{mirror.url}/absent: HTTP 404 Not Found"]


@pytest.mark.parametrize("zipped", [True, False])
def test_pigeonhole_data_is_looked_in_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    (tmp_path / "mnist").mkdir()
    for name, content in CONTENTS.items():
        path = tmp_path / "mnist" / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)
    monkeypatch.setenv("PIGEONHOLE_DATA", f"/no/such/folder:{tmp_path}")
    assert len(read(MnistSource([], HASHES))) == 2


def test_what_is_not_mnist_is_never_passed_off_as_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").mkdir()
    for name, content in CONTENTS.items():
        (tmp_path / "mnist" / name).write_bytes(content)
    monkeypatch.setenv("PIGEONHOLE_DATA", str(tmp_path))
    reading = MnistSource().read("mnist", ReadOptions())
    with pytest.raises(DataError, match="has other content than it should"):
        list(reading.chunks)


def test_the_sample_is_whole_and_says_what_it_is() -> None:
    source = find("mnist-5k")
    assert isinstance(source, MnistSampleSource)
    reading = source.read("mnist-5k", ReadOptions())
    numbers = np.concatenate([chunk.labels_N for chunk in reading.chunks])
    assert np.bincount(numbers).tolist() == [500] * 10
    assert "not MNIST" in reading.title
    assert reading.facts["files"][0]["sha256"] == "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053"
