"""payload/files/*.sh, by the shells of hosts: files are written, removed and received through no link, in no folder
that others could change, and with no more rights than a folder's owner has."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from provision.core.batch import render
from provision.core.script import Fragment, Script, Stream
from provision.core.secret import Secret
from provision.resources.secret_file import SecretFile
from provision.resources.text_file import TextFile
from provision.transport.leash import COMPLETE, PREFIX, READY, receive_command, receiver

NOBODY = 65534

Ran = subprocess.CompletedProcess


@pytest.fixture(params=["dash", "bash"])
def sh(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(sh: str) -> Callable[..., tuple[int, str, str]]:
    """Exit code, output and errors of a script. `login`: who came before root, by sudo."""

    def run(script: Script, login: str = "", umask: int = 0o022) -> tuple[int, str, str]:
        env = {"PATH": os.environ["PATH"], "HOME": "/", **({"SUDO_USER": login} if login else {})}
        text = f"umask {umask:03o}\n{render([script], 'n', Secret.reveal)}"
        done = subprocess.run([sh, "-s"], input=text, env=env, capture_output=True, text=True, check=False)
        out, err = Stream("n", 1), Stream("n", 1)
        list(out.feed(done.stdout.encode())), list(err.feed(done.stderr.encode()))
        (code,) = out.rc
        assert code is not None, done.stderr
        return code, out.text(0), err.text(0)

    return run


@pytest.fixture
def place(open_path: Path) -> Path:
    made = open_path / "place"
    made.mkdir()
    made.chmod(0o755)
    return made


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.lstat().st_mode):o}"


def fix(file: TextFile | SecretFile) -> Script:
    return file.fix(None, file.want())


def test_what_is_removed_is_the_file_and_no_neighbour(run: Callable[..., tuple[int, str, str]], place: Path) -> None:
    """A file called like one that older versions wrote first is theirs in a folder of a cluster alone."""
    ours = place / "clusters" / "c" / "h" / "token"
    ours.parent.mkdir(parents=True)
    for path in (place / "conf", ours):
        path.write_text("x")
        path.with_name(f"{path.name}.new").write_text("x")
        assert run(TextFile(str(path), "x").fix(None, None))[0] == 0
        assert not path.exists()
    assert (place / "conf.new").exists() and list(ours.parent.iterdir()) == []


def test_folders_that_were_made_for_a_file_go_with_it_and_no_others(
    run: Callable[..., tuple[int, str, str]], place: Path
) -> None:
    one, other = (TextFile(str(place / "made" / "for it" / name), "x") for name in ("one", "other"))
    beside, ours = TextFile(str(place / "beside"), "x"), TextFile(str(place / "clusters" / "c" / "h" / "token"), "x")
    for file in (one, other, beside, ours):
        assert run(fix(file))[0] == 0
    folder = place / "made" / "for it"
    assert sorted(path.name for path in folder.iterdir()) == [".made-by-provision", "one", "other"]
    assert not list(place.glob("clusters/**/.made*")) and not (place / ".made-by-provision").exists()
    assert run(one.fix({}, None))[0] == 0 and folder.is_dir()
    assert run(other.fix({}, None))[0] == 0 and not (place / "made").exists()
    assert run(beside.fix({}, None))[0] == 0 and place.is_dir()
    (place / "theirs").mkdir()
    theirs = TextFile(str(place / "theirs" / "file"), "x")
    assert run(fix(theirs))[0] == run(theirs.fix({}, None))[0] == 0
    assert (place / "theirs").is_dir()


def test_somebodys_file_keeps_such_a_folder(run: Callable[..., tuple[int, str, str]], place: Path) -> None:
    file = TextFile(str(place / "made" / "one"), "x")
    assert run(fix(file))[0] == 0
    (place / "made" / ".theirs").write_text("x")
    assert run(file.fix({}, None))[0] == run(file.fix({}, None))[0] == 0
    assert sorted(path.name for path in (place / "made").iterdir()) == [".made-by-provision", ".theirs"]
    (place / "made" / ".theirs").unlink()
    assert run(file.fix({}, None))[0] == 0 and not (place / "made").exists()


def test_a_file_of_a_terabyte_is_not_read(run: Callable[..., tuple[int, str, str]], place: Path) -> None:
    """Whoever owns the folder could put one there, which takes no space: a file with holes."""
    with (place / "file").open("wb") as file:
        file.truncate(1 << 40)
    wanted = TextFile(str(place / "file"), "text")
    code, out, err = run(wanted.probe())
    assert (code, err) == (0, "")
    (difference, *_) = wanted.diff(wanted.read(Fragment(0, out, "")), wanted.want())
    assert str(difference).startswith("content")


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077], ids="{:03o}".format)
def test_a_file_has_its_mode_and_a_secret_its_owner_alone(place: Path, run: Callable[..., tuple], umask: int) -> None:
    text = TextFile(f"{place}/new/deep/text", "a\n\nb\n")
    secret = SecretFile(f"{place}/new/deep/secret", Secret("s\n\n"))
    for file in (text, secret):
        assert run(fix(file), umask=umask)[0] == 0
    assert Path(text.path).read_text() == "a\n\nb\n" and Path(secret.path).read_text() == "s\n\n"
    assert (mode(Path(text.path)), mode(Path(secret.path))) == ("644", "600")
    # The folders let in whom the file lets in, where root works for others.
    assert mode(place / "new") == mode(place / "new/deep") == ("755" if os.getuid() == 0 else "700")
    assert sorted(path.name for path in (place / "new/deep").glob("[!.]*")) == ["secret", "text"]
    assert run(fix(SecretFile(f"{place}/hidden/secret", Secret("s"))), umask=umask)[0] == 0
    assert mode(place / "hidden") == "700"
    for file in (text, secret):
        code, out, _ = run(file.probe())
        assert code == 0 and dict(line.split("=", 1) for line in out.splitlines()).items() >= file.want().items()


def test_a_link_is_replaced_and_what_it_points_to_is_left(place: Path, run: Callable[..., tuple]) -> None:
    target = place / "shadow"
    target.write_text("root's own")
    (place / "folder").mkdir()
    for link, to in (("a", target), ("b", place / "not there"), ("c", place / "folder")):
        (place / link).symlink_to(to)
        file = TextFile(f"{place}/{link}", "mine", owner="")
        code, out, _ = run(file.probe())
        assert (code, out) == (0, "content=a link\n"), "what a link leads to counts as ours"
        assert run(fix(file))[0] == 0
        assert not (place / link).is_symlink() and (place / link).read_text() == "mine"
    assert target.read_text() == "root's own" and not (place / "not there").exists()
    assert list((place / "folder").iterdir()) == []


def test_a_folder_is_not_replaced(place: Path, run: Callable[..., tuple]) -> None:
    (place / "folder").mkdir()
    code, _, err = run(fix(TextFile(f"{place}/folder", "x")))
    assert code != 0 and "is a folder" in err


@pytest.mark.parametrize(
    "file", [TextFile("{}/deep/file", "x"), SecretFile("{}/file", Secret("x"))], ids=["text", "secret"]
)
def test_nothing_is_written_where_others_could_change_it(
    place: Path, run: Callable[..., tuple], file: TextFile | SecretFile
) -> None:
    place.chmod(0o777)
    file = type(file)(file.path.format(place), *([file.text] if isinstance(file, TextFile) else [file.secret]))
    code, _, err = run(fix(file))
    assert code != 0 and f"not safe: {place} (mode 777, owner " in err and "can be written to by every user" in err
    assert list(place.iterdir()) == []
    place.chmod(0o1777)
    assert run(fix(file))[0] == 0, "/tmp is such a folder"


@pytest.mark.needs("root")
def test_root_writes_below_a_users_folder_with_the_users_rights_and_no_further(
    place: Path, run: Callable[..., tuple]
) -> None:
    home, theirs = place / "home", place / "roots"
    home.mkdir()
    theirs.mkdir(mode=0o755)
    os.chown(home, NOBODY, -1)
    file = TextFile(f"{home}/deep/file", "x")
    code, _, err = run(fix(file))
    assert code != 0 and "belongs to nobody" in err, "nobody is known whose rights would do"
    for owner, login in (("nobody", ""), ("", "nobody")):
        one = TextFile(f"{home}/{owner}{login}{len(owner)}/file", "x", owner=owner)
        assert run(fix(one), login=login)[0] == 0
        assert Path(one.path).stat().st_uid == Path(one.path).parent.stat().st_uid == NOBODY
        assert run(one.probe(), login=login)[0] == 0
        assert run(one.fix({}, None), login=login)[0] == 0 and not Path(one.path).exists()
    (home / "out").symlink_to(theirs)
    code, _, _ = run(fix(TextFile(f"{home}/out/file", "x", owner="nobody")), login="nobody")
    assert code != 0 and list(theirs.iterdir()) == []
    (theirs / "file").write_text("root's own")
    code, _, _ = run(TextFile(f"{home}/out/file", "x", owner="nobody").fix({}, None), login="nobody")
    assert code != 0 and (theirs / "file").exists()


@pytest.mark.needs("root")
def test_root_gives_a_file_away_only_in_a_folder_of_its_own(place: Path, run: Callable[..., tuple]) -> None:
    (place / "shadow").write_text("root's own")
    (place / "secret").symlink_to(place / "shadow")
    secret = SecretFile(f"{place}/secret", Secret("s"), owner="nobody")
    assert run(fix(secret))[0] == 0
    assert (place / "secret").stat().st_uid == NOBODY and (place / "shadow").stat().st_uid == 0
    assert (place / "shadow").read_text() == "root's own"


def archive(**files: str) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w|") as tar:
        for name, text in {**files, COMPLETE: ""}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o600  # as the controller sends it
            tar.addfile(member, io.BytesIO(text.encode()))
    return raw.getvalue()


@pytest.fixture
def receive(sh: str) -> Callable[..., Ran[bytes]]:
    def receive(
        into: Path, user: str = "", made: str = "", login: str = "", one: bytes = b"", **files: str
    ) -> Ran[bytes]:
        """`one`: what is sent of a single large file, its line first."""
        env = {"PATH": os.environ["PATH"], "HOME": "/", **({"SUDO_USER": login} if login else {})}
        sent = PREFIX + receiver() + f"\n\n{user}\n{made}\n{into}\n".encode()
        sent += one or b"-\n" + archive(**(files or {"a": "new"}))
        command = [sh, "-c", receive_command().replace("exec sh", f"exec {sh}")]
        done = subprocess.run(command, input=sent, env=env, capture_output=True, check=False)
        assert done.stdout.startswith(READY.encode())
        return done

    return receive


def test_files_are_received_for_their_owner_alone(place: Path, receive: Callable[..., Ran[bytes]]) -> None:
    before = os.umask(0)
    try:
        assert receive(place / "new/inbox", a="one", b="two").returncode == 0
    finally:
        os.umask(before)
    made = [place / "new", place / "new/inbox", place / "new/inbox/a", place / "new/inbox/b"]
    assert [int(mode(path), 8) & 0o077 for path in made] == [0, 0, 0, 0]
    assert sorted(place.rglob("*")) == sorted(made)


def test_a_file_is_received_through_no_link(place: Path, receive: Callable[..., Ran[bytes]]) -> None:
    (place / "shadow").write_text("root's own")
    (place / "folder").mkdir()
    (place / "a").symlink_to(place / "shadow")
    (place / "b").symlink_to(place / "folder")
    assert receive(place, a="new", b="new").returncode == 0
    assert (place / "shadow").read_text() == "root's own" and list((place / "folder").iterdir()) == []
    assert [(place / name).read_text() for name in "ab"] == ["new", "new"]


def test_a_large_file_is_received_through_no_link(place: Path, receive: Callable[..., Ran[bytes]]) -> None:
    (place / "shadow").write_text("root's own")
    (place / "a b").symlink_to(place / "shadow")
    (place / ".provision-part.9.1700000000.a b").symlink_to(place / "shadow")
    line = b"9 1700000000 700 a b\n"
    done = receive(place, one=line + b"0\nhalf")
    assert done.returncode != 0 and b"provision-at 0 \n" in done.stdout and b"4 of 9 bytes of a b" in done.stderr
    done = receive(place, one=line + b"4\n and a")
    assert done.returncode != 0 and f"provision-at 4 {sha256(b'half').hexdigest()}\n".encode() in done.stdout
    done = receive(place, one=line + b"0\nall again")
    assert done.returncode == 0 and done.stdout.endswith(b"provision-stored\n")
    assert (place / "shadow").read_text() == "root's own" and not (place / "a b").is_symlink()
    assert (place / "a b").read_bytes() == b"all again" and mode(place / "a b") == "700"
    assert sorted(path.name for path in place.iterdir()) == ["a b", "shadow"]


def test_nothing_is_received_where_others_could_change_it(place: Path, receive: Callable[..., Ran[bytes]]) -> None:
    place.chmod(0o777)
    done = receive(place / "inbox")
    assert done.returncode != 0 and b"can be written to by every user" in done.stderr
    assert list(place.iterdir()) == []


@pytest.mark.needs("root")
def test_root_receives_below_a_users_folder_with_the_users_rights(
    place: Path, receive: Callable[..., Ran[bytes]]
) -> None:
    home, roots = place / "home", place / "roots"
    home.mkdir()
    roots.mkdir()
    os.chown(home, NOBODY, -1)
    (home / "out").symlink_to(roots)
    assert receive(home / "inbox").returncode != 0
    assert receive(home / "inbox", login="nobody").returncode == 0
    assert receive(home / "named", user="nobody").returncode == 0
    large = receive(home / "large", user="nobody", one=b"5 1700000000 600 big file\n0\n12345")
    assert large.returncode == 0 and (home / "large/big file").owner() == "nobody"
    assert {path.stat().st_uid for path in (home / "inbox/a", home / "named", home / "named/a")} == {NOBODY}
    assert receive(home / "out/x", user="nobody").returncode != 0
    assert receive(home / "out/x", login="nobody").returncode != 0
    assert list(roots.iterdir()) == []


@pytest.mark.needs("root")
def test_root_makes_a_users_folder_only_where_nobody_else_can_write(
    place: Path, receive: Callable[..., Ran[bytes]]
) -> None:
    made = place / "models" / "tiny"
    assert receive(made / "in", user="nobody", made=str(made)).returncode == 0
    assert (made.stat().st_uid, made.parent.stat().st_uid, mode(made)) == (NOBODY, 0, "700")
    (place / "open").mkdir()
    (place / "open").chmod(0o777)
    theirs = place / "open" / "tiny"
    done = receive(theirs / "in", user="nobody", made=str(theirs))
    assert done.returncode != 0 and list((place / "open").iterdir()) == []


@pytest.mark.needs("root")
def test_root_makes_the_way_to_its_own_folder_one_for_others_too(
    place: Path, receive: Callable[..., Ran[bytes]]
) -> None:
    """A run that breaks off there leaves it, and services of the next one run as another user."""
    inbox = place / "srv" / "root" / "uploads" / "one"
    assert receive(inbox, made=str(inbox.parent)).returncode == 0
    folders = [place / "srv", place / "srv/root", inbox.parent, inbox]
    assert [mode(path) for path in folders] == ["755", "755", "700", "700"]
    (place / "srv/root").chmod(0o711)
    assert receive(inbox, made=str(inbox.parent)).returncode == 0
    assert mode(place / "srv/root") == "711", "it was there"


def test_a_file_that_is_another_one_says_what_it_holds_unless_it_is_big(
    run: Callable[..., tuple[int, str, str]], place: Path
) -> None:
    file = TextFile(f"{place}/x", "a = 2\n")
    Path(file.path).write_text("a = 1\n")
    found = file.read(Fragment(0, run(file.probe())[1], ""))
    assert found is not None and found["text"] == "a = 1\n"
    assert file.in_plan(found, file.diff(found, file.want())) == ("@@ -1 +1 @@", "-a = 1", "+a = 2")
    for text in ("a = 2\n", "x" * 70000):
        Path(file.path).write_text(text)
        assert "text=" not in run(file.probe())[1]


def test_of_a_file_that_is_closed_to_others_no_plan_tells_the_lines(
    run: Callable[..., tuple[int, str, str]], place: Path
) -> None:
    file = TextFile(f"{place}/x", "a = 2\n")
    for mode, told in ((0o600, False), (0o640, False), (0o644, True)):
        Path(file.path).write_text("a = 1\n")
        Path(file.path).chmod(mode)
        assert ("text=" in run(file.probe())[1]) is told
