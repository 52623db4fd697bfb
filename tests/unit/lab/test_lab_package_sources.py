"""Where the base system comes from: the machine's own package sources, in both their formats."""

import pytest

from provision.lab import LabError
from provision.lab.base import Source, choose, deb822, digest, one_line, python_version

DEB822 = """\
# the archive
Types: deb deb-src
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://off.example.org/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://sources.example.org/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
# deb http://commented.example.org/debian jammy main
deb [arch=amd64 signed-by=/etc/apt/keyrings/a.gpg] http://mirror.example.org/ubuntu jammy main universe # why
deb-src http://mirror.example.org/ubuntu jammy main
deb	http://mirror.example.org/ubuntu	jammy-security	main
"""


def test_every_suite_of_an_enabled_stanza_is_a_source():
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    mirror = "http://mirror.example.org/debian"
    assert list(deb822(DEB822)) == [
        Source("bookworm", mirror, ("main", "contrib"), keyring),
        Source("bookworm-updates", mirror, ("main", "contrib"), keyring),
    ]


def test_a_key_written_into_the_stanza_is_not_taken_for_a_file():
    inline = "Types: deb\nURIs: http://m/\nSuites: s\nComponents: main\nSigned-By:\n -----BEGIN PGP-----\n abc\n"
    assert [found.keyring for found in deb822(inline)] == [""]


def test_every_binary_line_is_a_source():
    mirror = "http://mirror.example.org/ubuntu"
    assert list(one_line(ONE_LINE)) == [
        Source("jammy", mirror, ("main", "universe"), "/etc/apt/keyrings/a.gpg"),
        Source("jammy-security", mirror, ("main",), ""),
    ]


def test_another_suite_is_another_base():
    assert digest(Source("bookworm")) != digest(Source("trixie"))
    assert digest(Source("bookworm", "http://a/")) == digest(Source("bookworm", "http://b/"))


def test_a_debian_of_any_release_makes_hosts_of_debian_12_from_its_own_mirror():
    own = [Source("trixie", "http://mirror.example.org/debian", ("main",), "/k.gpg"), Source("trixie-updates")]
    made = choose({"ID": "debian", "VERSION_CODENAME": "trixie"}, own)
    assert made == Source("bookworm", "http://mirror.example.org/debian", ("main",), "/k.gpg")
    assert choose({"ID": "debian"}, []) == Source("bookworm")
    cloud = Source("trixie", "mirror+file:/etc/apt/mirrors/debian.list", ("main",))
    assert choose({"ID": "debian", "VERSION_CODENAME": "trixie"}, [cloud]) == Source("bookworm")
    assert choose({"ID": "debian", "VERSION_CODENAME": "trixie"}, [cloud, *own]) == made


def test_a_recent_ubuntu_makes_hosts_of_its_own_release_and_an_old_one_of_debian_12():
    own = [Source("noble", "http://mirror.example.org/ubuntu", ("main", "universe"))]
    noble = {"ID": "ubuntu", "VERSION_ID": "24.04", "VERSION_CODENAME": "noble"}
    assert choose(noble, own) == own[0]
    assert choose(noble, []) == Source("noble")
    jammy = {"ID": "ubuntu", "VERSION_ID": "22.04", "VERSION_CODENAME": "jammy"}
    assert choose(jammy, [Source("jammy", "http://mirror.example.org/ubuntu")]).suite == "bookworm"


def test_another_distribution_takes_debian_12_from_debootstraps_mirror_with_debians_keys():
    made = choose({"ID": "fedora", "VERSION_ID": "44"}, [])
    assert (made.suite, made.mirror) == ("bookworm", "") and "debian-archive-keyring" in made.keyring


def test_the_python_of_a_base_is_what_its_python3_is(tmp_path):
    (tmp_path / "usr/bin").mkdir(parents=True)
    with pytest.raises(LabError, match="has no Python"):
        python_version(tmp_path)
    (tmp_path / "usr/bin/python3").symlink_to("python3.11")
    assert python_version(tmp_path) == "3.11"
