"""The sources of the demo's data; downloads come from an HTTP server on loopback with a made archive."""

import gzip
import hashlib
import io
import socket
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from sandbox.demo.bank_marketing import DataFileMissing, DownloadWrong, bank_marketing_csv

CONTENT = b'"age";"y"\r\n41;"no"\r\n'
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def archive(
    content=CONTENT, inner_name="bank-additional.zip", name="bank-additional/bank-additional-full.csv"
):
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as packed:
        packed.writestr("bank-additional/bank-additional.csv", b"the small one")
        packed.writestr(name, content)
    with zipfile.ZipFile(outer, "w") as packed:
        packed.writestr("bank.zip", b"the older data set")
        packed.writestr(inner_name, inner.getvalue())
    return outer.getvalue()


@pytest.fixture
def uci():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.requests += 1
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(len(self.server.body) + self.server.missing))
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, *arguments):
            """Log no requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.status, server.body, server.missing = 0, 200, archive(), 0
    server.url = f"http://127.0.0.1:{server.server_port}/bank+marketing.zip"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def get(uci, cache, path=None, environment=None, **changes):
    return bank_marketing_csv(path, environment or {}, cache, **{"url": uci.url, "sha256": SHA256, **changes})


def leftovers(cache):
    return [path.name for path in cache.iterdir() if path.suffix == ".part"]


def test_a_named_file_is_used_unchanged(uci, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_bytes(CONTENT)
    source = get(uci, tmp_path / "cache", str(file))
    assert (source.path, source.synthetic) == (file, False)
    assert "--data" in source.description
    assert "is that of the published file" in source.description
    assert uci.requests == 0


def test_another_named_file_is_used_with_a_note(uci, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_bytes(b"a;y\n1;no\n")
    source = get(uci, tmp_path / "cache", environment={"BANK_MARKETING_CSV": str(file)})
    assert source.path == file
    assert "not the published file" in source.description
    assert "BANK_MARKETING_CSV" in source.description


def test_the_argument_overrides_the_variable(uci, tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(CONTENT)
    source = get(
        uci, tmp_path / "cache", str(tmp_path / "a.csv"), {"BANK_MARKETING_CSV": str(tmp_path / "b.csv")}
    )
    assert source.path.name == "a.csv"


def test_a_packed_file_is_unpacked(uci, tmp_path):
    file = tmp_path / "bank.csv.gz"
    file.write_bytes(gzip.compress(CONTENT))
    for _ in range(2):
        source = get(uci, tmp_path / "cache", str(file))
        assert source.path.read_bytes() == CONTENT
        assert source.path.suffix == ".csv"
        assert "is that of the published file" in source.description


def test_two_packed_files_with_one_name_do_not_collide(uci, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "bank.csv.gz").write_bytes(gzip.compress(folder.encode()))
    sources = [get(uci, tmp_path / "cache", str(tmp_path / folder / "bank.csv.gz")) for folder in ("a", "b")]
    assert [source.path.read_bytes() for source in sources] == [b"a", b"b"]


@pytest.mark.parametrize("name", ["missing.csv", "folder", "broken.csv.gz", "short.csv.gz"])
def test_a_named_file_that_cannot_be_read_is_an_error(uci, tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken.csv.gz").write_bytes(b"not gzip")
    (tmp_path / "short.csv.gz").write_bytes(gzip.compress(CONTENT * 1000)[:40])
    with pytest.raises(DataFileMissing, match=name):
        get(uci, tmp_path / "cache", str(tmp_path / name))
    assert leftovers(tmp_path / "cache") == []
    assert uci.requests == 0


def test_the_published_file_is_downloaded_once(uci, tmp_path):
    first, second = get(uci, tmp_path), get(uci, tmp_path)
    assert first.path.read_bytes() == CONTENT
    assert (first.synthetic, second.synthetic) == (False, False)
    assert "downloaded from" in first.description
    assert "downloaded earlier" in second.description
    assert uci.requests == 1
    assert leftovers(tmp_path) == []


def test_a_damaged_cache_is_replaced(uci, tmp_path):
    get(uci, tmp_path).path.write_bytes(b"damaged")
    assert get(uci, tmp_path).path.read_bytes() == CONTENT
    assert uci.requests == 2


@pytest.mark.parametrize(
    "body",
    [
        archive(b"something else"),
        archive(inner_name="other.zip"),
        archive(name="bank-additional/other.csv"),
        b"<html>Please sign in</html>",
        b"",
    ],
)
def test_a_wrong_download_is_an_error_and_never_used(uci, tmp_path, body):
    uci.body = body
    with pytest.raises(DownloadWrong, match="--data or BANK_MARKETING_CSV"):
        get(uci, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [404, 500, 503])
def test_without_an_answer_the_rows_are_synthetic_with_the_reason(uci, tmp_path, status):
    uci.status = status
    source = get(uci, tmp_path)
    assert source.synthetic
    assert source.description.startswith("SYNTHETIC")
    assert uci.url in source.description
    assert f"answered {status}" in source.description
    assert source.path.read_bytes().startswith(b'"age";"job";')


def test_a_download_cut_short_is_not_used(uci, tmp_path):
    uci.missing = 10
    source = get(uci, tmp_path)
    assert source.synthetic
    assert leftovers(tmp_path) == []


def test_without_a_network_the_rows_are_synthetic(uci, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    source = get(uci, tmp_path, url=f"http://127.0.0.1:{closed}/x.zip")
    assert source.synthetic
    assert "no connection" in source.description
    assert source.path.read_bytes().count(b"\r\n") == 41_189
    assert leftovers(tmp_path) == []


def test_a_server_that_never_answers_is_given_up(uci, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = get(uci, tmp_path, url=f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_seconds=0.2)
    assert source.synthetic
    assert "in time" in source.description


def test_synthetic_rows_are_not_taken_for_the_published_file_later(uci, tmp_path):
    uci.status = 503
    assert get(uci, tmp_path).synthetic
    uci.status = 200
    assert not get(uci, tmp_path).synthetic
