"""Where the base system comes from: the machine's own package sources, in both their formats."""

from provision.lab.base import Source, deb822, digest, one_line

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
