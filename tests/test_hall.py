"""A hall without internet: a pack, on a stick or from a host, and who has nothing else."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import psutil
import pytest
import requests

from support import PATIENCE, ROOT, free_port, wait_until
from workshop.base.problem import Problem
from workshop.hall import pack, store
from workshop.hall.site import Site
from workshop.install import source
from workshop.serving import ports

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="packs for Linux")
PYTHON = getattr(sys, "_base_executable", sys.executable)
NOWHERE = "http://127.0.0.1:1"
LOCKS = ("python", "tests", "notebooks", "classic", "nginx", "postgresql", "javascript", "chromium")


def without_internet(home):
    """Return the environment of somebody who has a Python, and a network that ends in the room."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), NOWHERE)
    local = {"no_proxy": "localhost,127.0.0.1", "HOME": str(home)}
    return kept | proxies | local | {"PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A pack for this machine alone."""
    folder = tmp_path_factory.mktemp("pack")
    here = {"linux": {f"{os.uname().machine}-manylinux_2_28": True}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "PLATFORMS", here)
        version = ".".join(map(str, sys.version_info[:2]))
        pack.make(folder, source.Choices(["linux"], [version], without_notebooks=True))
    return folder


class Attendee:
    """Somebody with a Python, and no internet."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir(exist_ok=True)

    def unpack(self, archive):
        """Unpack the repository."""
        with zipfile.ZipFile(archive) as files:
            files.extractall(self.folder)

    def types(self, *arguments):
        """Type a command of the tool."""
        return subprocess.run(
            [PYTHON, "-m", "workshop", *arguments],
            cwd=self.folder / "workshop",
            env=without_internet(self.folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


class Host:
    """`host`, as a process."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.url = f"http://localhost:{self.port}"
        self.start()

    def start(self):
        """Start, and wait until it answers."""
        command = [sys.executable, "-m", "workshop", "host", self.folder, f"--port={self.port}"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        wait_until(self.answers, "the host to start")

    def answers(self):
        """Tell whether it is there."""
        try:
            return requests.get(self.url, timeout=5).ok
        except requests.RequestException:
            return False

    def fetched(self):
        """Return how many files went through."""
        return int(re.search(r"(\d+) files", requests.get(self.url, timeout=PATIENCE).text)[1])

    def stop(self):
        """End it at once; its server then ends by itself."""
        self.process.kill()
        self.process.wait()
        wait_until(lambda: not ports.answers(self.port), "the port to be free")


@pytest.fixture
def host(packed):
    """A host of the pack."""
    serving = Host(packed)
    yield serving
    serving.stop()


def test_from_a_stick_all_works_without_internet(packed, tmp_path):
    """Whoever unpacks it inside of the pack says nothing of where to look."""
    stick = tmp_path / "stick"
    shutil.copytree(packed, stick, copy_function=os.link)
    attendee = Attendee(stick)
    attendee.unpack(stick / "workshop.zip")
    assert attendee.types("doctor").returncode == 0
    assert attendee.types("start", "2").returncode == 0
    done = attendee.types("check")
    assert "✗ to do: " in done.stdout, done.stdout + done.stderr
    my = attendee.folder / "workshop" / "my"
    shutil.copytree(ROOT / "steps/02_gevent_server", my, dirs_exist_ok=True)
    done = attendee.types("check")
    assert "All done: step 2 works." in done.stdout, done.stdout + done.stderr
    assert "Not tried" not in done.stdout, "it should have a Chromium"


def test_from_a_host_what_is_cut_off_goes_on(packed, host, tmp_path):
    """It goes away in the middle, and comes back."""
    attendee = Attendee(tmp_path / "attendee")
    archive = attendee.folder / "workshop.zip"
    archive.write_bytes(requests.get(f"{host.url}/workshop.zip", timeout=PATIENCE).content)
    attendee.unpack(archive)
    before = host.fetched()
    first = subprocess.Popen(
        [PYTHON, "-m", "workshop", "--from", host.url, "jump", "2"],
        cwd=attendee.folder / "workshop",
        env=without_internet(attendee.folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until(lambda: host.fetched() > before + 3, "some of the packages to be fetched")
    host.stop()
    host.start()
    said = first.communicate()[0]
    assert "Traceback" not in said
    done = attendee.types("jump", "2")
    assert done.returncode == 0, f"{said}\n{done.stdout}{done.stderr}"
    assert "is to become step 2" in done.stdout


def test_a_tampered_package_is_refused_by_its_name(packed, tmp_path):
    """And nothing of it is installed."""
    bad = tmp_path / "bad"
    shutil.copytree(packed, bad, copy_function=os.link)
    wheel = next(bad.glob("packages/segno-*.whl"))
    content = bytearray(wheel.read_bytes())
    content[1000] ^= 1
    wheel.unlink()  # the original has the same inode
    wheel.write_bytes(content)
    index = bad / "simple/segno/index.html"
    text = index.read_text()
    index.unlink()
    digest = hashlib.sha256(content).hexdigest()  # A bad host names the hash of what it has.
    index.write_text(re.sub("(?<=sha256=)[0-9a-f]+", digest, text))
    attendee = Attendee(tmp_path / "attendee")
    attendee.unpack(bad / "workshop.zip")
    done = attendee.types("--from", str(bad), "jump", "2")
    assert done.returncode == 1
    assert "segno" in done.stderr
    assert "Traceback" not in done.stderr
    assert f"It was looked for at {bad.as_uri()};" in done.stderr
    assert not [*attendee.folder.glob("workshop/.venv/lib/python*/site-packages/segno")]
    done = attendee.types("--from", str(packed), "jump", "2")
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_what_the_list_names_is_served(packed, host):
    """Whatever else is in the folder, or beside it."""
    (packed / "secret.txt").write_text("mine")
    addresses = ["/secret.txt", "/packages/", "/../pack.json", "//etc/passwd", "/%2e%2e/pack.json"]
    for address in addresses:
        request = requests.Request("GET", host.url)
        prepared = request.prepare()
        prepared.url = host.url + address
        with requests.Session() as session:
            assert session.send(prepared, timeout=PATIENCE).status_code == 404, address
    assert requests.post(f"{host.url}/pack.json", timeout=PATIENCE).status_code == 405
    (packed / "secret.txt").unlink()
    ours = psutil.Process(host.process.pid)
    processes = [ours, *ours.children(recursive=True)]
    places = {
        c.laddr.ip for p in processes for c in p.net_connections("tcp") if c.status == "LISTEN"
    }
    assert places <= {"127.0.0.1", "::1"}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of two commits, with a branch and a tag that are nobody else's."""
    folder = tmp_path / "repository"
    for arguments in (
        ["init", "--quiet", "--initial-branch=talk", folder],
        ["-C", folder, "commit", "--quiet", "--allow-empty", "--message=first"],
        ["-C", folder, "branch", "private"],
        ["-C", folder, "tag", "mine"],
        ["-C", folder, "commit", "--quiet", "--allow-empty", "--message=second"],
    ):
        name = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *name, *arguments], check=True)
    monkeypatch.setattr(pack, "ROOT", folder)
    return folder


def test_git_can_clone_what_is_committed_and_nothing_else(repository, tmp_path):
    """Over plain HTTP; made a second time it is the same."""
    folder = tmp_path / "pack"
    folder.mkdir()
    for _ in range(2):
        names = pack.put_repository(folder)
    store.write_list(folder, names, pack.ALL)
    serving, clone = Host(folder), tmp_path / "clone"
    try:
        command = ["git", "clone", "--quiet", f"{serving.url}/workshop.git", clone]
        subprocess.run(command, check=True, env=without_internet(tmp_path))
    finally:
        serving.stop()
    command = ["git", "-C", clone, "for-each-ref", "--format=%(refname) %(subject)"]
    refs = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert refs[0] == "refs/heads/main second"
    assert not [each for each in refs if "private" in each or "mine" in each]
    assert str(tmp_path) not in (folder / "workshop.git/config").read_text()


def test_of_a_shallow_clone_only_the_zip_is_packed(repository, tmp_path, monkeypatch, capsys):
    """Which plain HTTP can't hand on; what would help is said."""
    shallow = tmp_path / "shallow"
    command = ["git", "clone", "--quiet", "--depth=1", repository.as_uri(), shallow]
    subprocess.run(command, check=True)
    monkeypatch.setattr(pack, "ROOT", shallow)
    assert pack.put_repository(tmp_path) == ["workshop.zip"]
    assert "git fetch --unshallow" in capsys.readouterr().out


def test_what_is_somebody_elses_stays(tmp_path):
    """A folder that is no pack is refused; in one that is, what is not of it is let alone."""
    theirs = tmp_path / "npm" / "mine.txt"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    with pytest.raises(Problem, match="is no pack, and not empty"):
        pack.check(tmp_path)
    with pytest.raises(Problem, match="is no pack, and not empty"):
        pack.check(theirs)
    pack.check(tmp_path / "new")
    (tmp_path / "npm" / "old.tgz").write_text("of an earlier lock")
    store.write_list(tmp_path, ["npm/old.tgz"], pack.ALL)
    pack.check(tmp_path)
    store.fetch(tmp_path, [])
    assert [path.name for path in theirs.parent.iterdir()] == ["mine.txt"]
    names = store.write_index(tmp_path, [])
    store.write_list(tmp_path, names, pack.ALL)
    assert list(source.read_list(tmp_path.as_uri())["files"]) == ["simple/index.html"]


def test_without_git_nothing_is_fetched(tmp_path, monkeypatch):
    """It is said at once."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match="There is no git here"):
        pack.check(tmp_path / "new")


def test_the_page_says_what_to_type(packed):
    """And counts."""
    site = Site(packed, "http://192.0.2.7:8090", "/", print)
    page = site.page()
    version = ".".join(map(str, sys.version_info[:2]))
    for line in (
        "python3 -m zipfile -e workshop.zip .",
        "--from http://192.0.2.7:8090 run 4",
        f"You need Python {version}, on Linux, and a browser.",
        "<div hidden>\n<h2>Windows",
    ):
        assert line in page
    sent = site({"PATH_INFO": "/workshop.zip", "REQUEST_METHOD": "GET", "REMOTE_ADDR": "a"}, print)
    assert b"".join(sent) == (packed / "workshop.zip").read_bytes()
    assert "by 1 addresses, 1 times; 1 files" in site.page()


def test_what_is_there_already_is_not_fetched_again(packed, monkeypatch):
    """And what is not what it has to be is."""
    listed = json.loads((packed / source.LIST).read_text())["files"]
    wheel = next(path for path in listed if path.endswith(".whl"))
    content = (packed / wheel).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    file = store.File(wheel, "http://example.org/it", len(content), f"sha256-{digest}")
    others = list(others_of(packed, wheel))
    asked = []
    monkeypatch.setattr(store.npm, "download", lambda url: asked.append(url) or content)
    store.fetch(packed, [file, *others])
    assert asked == []
    (packed / wheel).write_bytes(b"cut off")
    store.fetch(packed, [file, *others])
    assert asked == ["http://example.org/it"]
    assert (packed / wheel).read_bytes() == content


def others_of(packed, but):
    """Return all files of a pack but one, as files that are wanted."""
    for kind in ("packages", "npm"):
        for path in (packed / kind).rglob("*"):
            name = path.relative_to(packed).as_posix()
            if path.is_file() and name != but:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                yield store.File(name, "http://example.org/other", 0, f"sha256-{digest}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", ".", "map"], "There is no pack"),
        (["--from", NOWHERE, "map"], "There is no pack"),
        (["--from", "http://a b", "map"], "There is no pack"),
        (["--from", "10.0.0.5:8090", "map"], "begins with http://"),
        (["host", "."], "There is no pack"),
        (["pack", "steps"], "is no pack, and not empty"),
    ],
)
def test_where_there_is_no_pack_that_is_said(arguments, said):
    """A folder, an address, or a host without one; what was kept before stays."""
    before = source.KEPT.exists() and source.KEPT.read_text()
    command = [sys.executable, "-m", "workshop", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert (source.KEPT.exists() and source.KEPT.read_text()) == before


def test_it_says_which_systems_and_pythons_there_are(tmp_path):
    """A wrong word is answered with the right ones."""
    for option, said in {
        "--for=beos": "is none of linux, macos, windows",
        "--python=3.8": "is none of 3.11, 3.12, 3.13",
        "--python=3.11-4": "is none of 3.11",
        "--python=3.13-3.11": "the first is the older one, 3.11-3.13",
    }.items():
        command = [sys.executable, "-m", "workshop", "pack", tmp_path, option]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        assert said in done.stderr


@pytest.mark.parametrize("kept", ["", "internet"])
def test_a_pack_around_the_repository_is_seen(tmp_path, monkeypatch, kept):
    """Unless somebody has said something else."""
    (tmp_path / source.LIST).write_text("{}")
    monkeypatch.setattr(source, "ROOT", tmp_path / "workshop")
    monkeypatch.setattr(source, "KEPT", tmp_path / "from")
    if kept:
        source.KEPT.write_text(kept)
    assert source.find() == (None if kept else tmp_path.as_uri())
    assert bool(source.environment()) == (not kept)


def test_the_way_there_is_kept(tmp_path, monkeypatch):
    """And taken off the command line."""
    monkeypatch.setattr(source, "KEPT", tmp_path / "from")
    monkeypatch.setattr(source, "STATE", tmp_path)
    (tmp_path / "p").mkdir()
    Path(tmp_path, "p", source.LIST).write_text("{}")
    assert source.take(["--from", str(tmp_path / "p"), "run", "4"]) == ["run", "4"]
    assert source.find() == (tmp_path / "p").as_uri()
    assert source.take(["--from=internet", "run", "4"]) == ["run", "4"]
    assert source.find() is None
    assert source.take(["run", "4"]) == ["run", "4"]
    (tmp_path / "no-chromium").touch()
    source.take(["--from", str(tmp_path / "p")])
    assert not (tmp_path / "no-chromium").exists(), "it should be asked for there"


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_the_room_is_asked_without_a_proxy(tmp_path, monkeypatch, name):
    """Whatever else is, and whoever reads which of the two names."""
    monkeypatch.setattr(source, "KEPT", tmp_path / "from")
    source.KEPT.write_text("http://192.0.2.7:8090")
    monkeypatch.setenv(name, "localhost")
    told = source.environment()
    assert told["no_proxy"].split(",")[-1] == told["NO_PROXY"].split(",")[-1] == "192.0.2.7"
    assert "localhost" in told["no_proxy"]


def test_a_second_pack_is_for_whom_the_first_was(tmp_path):
    """So `host --internet` fetches what it lacks, and no more."""
    choices = source.Choices(["macos"], ["3.12"], without_notebooks=True)
    store.write_list(tmp_path, [], choices)
    assert source.choices(tmp_path) == choices
    assert source.choices(tmp_path / "none") is None


def test_a_lock_that_tells_releases_of_a_python_apart_is_packed_for_all(tmp_path, monkeypatch):
    """3.11.4 is 3.11 as well as 3.11.9 is."""
    text = (ROOT / "notebooks" / "requirements.lock").read_text()
    found = re.findall(r"^soupsieve==.*\n(?:    .*\n)+", text, re.MULTILINE)
    lock = tmp_path / "requirements.lock"
    lock.write_text("".join(found))
    assert len(found) == 2, "another package that has two versions, by the release"
    monkeypatch.setattr(store.environment, "LOCK_FILES", dict.fromkeys(LOCKS, lock))
    monkeypatch.setattr(store.environment, "BROTLI", lock)
    monkeypatch.setattr(store.uv, "LOCK", lock)
    monkeypatch.setattr(store, "archives", lambda lock: [])
    files = store.wanted(source.Choices(["linux"], ["3.11"]))
    assert len([file for file in files if "soupsieve" in file.path]) == 2
