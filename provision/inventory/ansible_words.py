"""Ansible's variables in provision's words: what says where a host is, as whom one logs in, and who one becomes there.

Nothing that changes one of these is passed over: what has no meaning here is refused. Other `ansible_…` variables (of
Python, facts, pipelining, timeouts) change none of them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator

from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems

_TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
_FALSE = frozenset({"false", "no", "off", "0", "n", "f"})

Words = dict[str, YamlNode]


def translate(name: str, node: YamlNode, problems: Problems) -> Words:
    """Our keys (`address`, `sudo`, `ssh.user` …) that one variable stands for; none if it changes nothing here."""
    if node.value in (None, ""):  # an empty one takes back what was said further out, in Ansible as well
        return {}
    if is_encrypted(node):
        if name in _REFUSED or name in _VARIABLES or name in _OPTIONS:
            hint = "write it in plain, or leave it out and say it in `ssh` of `provision`"
            if name in _PASSWORDS:  # in plain it is refused as well
                hint = (_REFUSED[name]("") or ("", hint))[1]
            problems.value(node, f"`{name}` is encrypted: what it says of the host is not known here", hint)
        return {}
    if name in _REFUSED:
        told = _REFUSED[name](node.text)
        if told:
            message, hint = told
            problems.value(node, message, hint)
        return {}
    if name not in _VARIABLES and name not in _OPTIONS:
        return {}
    if "{{" in node.text:
        hint = "write the value itself: provision evaluates no templates"
        problems.value(node, f"`{name}` is a Jinja template, `{node.text}`", hint)
        return {}
    if name in _OPTIONS:
        found: Words = {}
        for key, said in _ssh_options(node, problems):
            found.setdefault(key, said)  # ssh keeps what it is told first
        return found
    key, convert = _VARIABLES[name]
    return {key: convert(node)}


def is_encrypted(node: YamlNode) -> bool:
    """Also where only a part of it is. `ansible-inventory` writes the second in JSON."""
    return any(inner.tag.startswith("!vault") or "__ansible_vault" in inner.children for inner in node.walk())


def _as_is(node: YamlNode) -> YamlNode:
    return node


def _truth(node: YamlNode) -> YamlNode:
    word = node.text.strip().lower()
    return node.with_value(word in _TRUE) if word in _TRUE | _FALSE else node


def _number(node: YamlNode) -> YamlNode:
    """Ansible takes `"22"` for a number; so do its users."""
    # `022` without quotes is 18 to Ansible.
    return node.with_value(int(node.text)) if re.fullmatch(r"[1-9][0-9]{0,8}", node.text) else node


#: Ansible's variable → (our key, how its value is read). Where a host has two for one key, the later one here wins, as
#: in Ansible, whose ssh plugin takes the last of the names that it lists for an option.
_VARIABLES: dict[str, tuple[str, Callable[[YamlNode], YamlNode]]] = {
    "ansible_host": ("address", _as_is),
    "ansible_ssh_host": ("address", _as_is),
    "ansible_user": ("ssh.user", _as_is),
    "ansible_ssh_user": ("ssh.user", _as_is),
    "ansible_port": ("ssh.port", _number),
    "ansible_ssh_port": ("ssh.port", _number),
    "ansible_private_key_file": ("ssh.key", _as_is),
    "ansible_ssh_private_key_file": ("ssh.key", _as_is),
    "ansible_sudo": ("sudo", _truth),
    "ansible_become": ("sudo", _truth),
}
ORDER = tuple(_VARIABLES)
_OPTIONS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")

Refusal = tuple[str, str] | None


def _password(word: str) -> Callable[[str], Refusal]:
    hint = f"keep it out of the inventory: `{word}`"
    return lambda _: ("a password stands in the inventory, where whoever reads the file has it", hint)


def _only(words: tuple[str, ...], what: str, hint: str) -> Callable[[str], Refusal]:
    def judge(text: str) -> Refusal:
        return None if text.lower() in words else (f"{what} `{text}`, and provision knows {words[0]} alone", hint)

    return judge


def _kept(what: str, hint: str) -> Callable[[str], Refusal]:
    """Whatever it says: it is not repeated."""
    return lambda _: (f"{what}, which provision does not use", hint)


_REFUSED: dict[str, Callable[[str], Refusal]] = {
    "ansible_connection": _only(
        ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh"),
        "hosts are to be reached by",
        "remove it; or, of a host that is no part of the cluster, put those that are into `head` and `workers`",
    ),
    "ansible_become_method": _only(
        ("sudo", "ansible.builtin.sudo"), "root's rights are to come from", "remove it, and let the user have sudo"
    ),
    **dict.fromkeys(
        ("ansible_become_user", "ansible_sudo_user"),
        _only(("root",), "one is to become", "remove it: with sudo, provision is root; `run_as` names who serves"),
    ),
    **dict.fromkeys(
        ("ansible_become_exe", "ansible_sudo_exe"),
        _only(("sudo", "/usr/bin/sudo"), "root's rights are to come from", "remove it"),
    ),
    **dict.fromkeys(
        ("ansible_private_key", "ansible_ssh_private_key"),
        _kept("a private key stands in the inventory", "name its file: `ansible_ssh_private_key_file`"),
    ),
    **dict.fromkeys(
        ("ansible_private_key_passphrase", "ansible_ssh_private_key_passphrase"),
        _kept("a passphrase stands in the inventory", "remove it: `ssh-add` gives the key to an agent, which is asked"),
    ),
    "ansible_ssh_pkcs11_provider": _kept(
        "the key is to come from a PKCS#11 library", "give it to an agent: `ssh-add -s`"
    ),
    "ansible_paramiko_proxy_command": _kept(
        "hosts are to be reached through a command", "put it into ~/.ssh/config, as ProxyCommand"
    ),
    "ansible_ssh_executable": _only(
        ("ssh", "/usr/bin/ssh"), "hosts are to be reached by", "remove it: provision has a client of its own"
    ),
    **dict.fromkeys(
        ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password"),
        _password("ssh-copy-id` gives the hosts your key instead, and `ssh: {key: ~/.ssh/id_ed25519}"),
    ),
    **dict.fromkeys(
        ("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"),
        _password("sudo_password: {env: SUDO_PASSWORD}` among the settings of `provision`, or `--ask-sudo-password"),
    ),
}

_PASSWORDS = tuple(n for n in _REFUSED if n.endswith(("_pass", "_password", "_passphrase", "_private_key")))

#: Of OpenSSH's options, those that have a word here; and those that change neither where, nor as whom one connects.
#: Host keys are provision's own business: they are always checked.
_MEANT = {
    "proxyjump": "ssh.jump",
    "identityfile": "ssh.key",
    "port": "ssh.port",
    "user": "ssh.user",
    "userknownhostsfile": "ssh.known_hosts",
    "hostname": "address",
}
_FLAGS = {"-J": "ssh.jump", "-i": "ssh.key", "-p": "ssh.port", "-l": "ssh.user", "-F": "ssh.config"}
_HARMLESS = frozenset(
    (
        "addkeystoagent", "batchmode", "challengeresponseauthentication", "checkhostip", "clearallforwardings",
        "compression", "connectionattempts", "connecttimeout", "controlmaster", "controlpath", "controlpersist",
        "forwardagent", "forwardx11", "gssapiauthentication", "gssapidelegatecredentials", "hashknownhosts",
        "identitiesonly", "ipqos", "kbdinteractiveauthentication", "loglevel", "numberofpasswordprompts",
        "passwordauthentication", "preferredauthentications", "requesttty", "serveralivecountmax",
        "serveraliveinterval", "stricthostkeychecking", "tcpkeepalive", "updatehostkeys", "visualhostkey",
    )
)  # fmt: skip
_AS_IT_IS = frozenset({("userknownhostsfile", "/dev/null"), ("pubkeyauthentication", "yes")})
_HARMLESS_FLAGS = frozenset({"-C", "-q", "-v", "-vv", "-vvv", "-a", "-A", "-T", "-t", "-tt", "-n", "-x", "-4", "-6"})


def _parted(option: str) -> tuple[str, str]:
    """`Port=22` and `Port 22`."""
    found = re.match(r"\s*(\w+)(?:\s*=\s*|\s+)?(.*)", option, re.DOTALL)
    return (found[1], found[2]) if found else (option, "")


def _changes_nothing(option: str) -> bool:
    name, value = _parted(option)
    return name.lower() in _HARMLESS or (name.lower(), value) in _AS_IT_IS


def _jumped(command: str) -> str:
    """The host between, of `ssh -W %h:%p -q ubuntu@10.0.0.1`, the way to write ProxyJump before there was one; empty
    where the command says more."""
    words = command.split()
    if words[:1] != ["ssh"]:
        return ""
    rest, port, through = words[1:], "", False
    while rest and rest[0].startswith("-"):
        flag = rest.pop(0)
        if flag == "-W" and rest[:1] == ["%h:%p"]:
            through = bool(rest.pop(0))
        elif flag == "-p" and rest and rest[0].isdigit():
            port = f":{rest.pop(0)}"
        elif flag.startswith("-o") and _changes_nothing(flag[2:] or (rest.pop(0) if rest else "")):
            continue
        elif flag != "-q":
            return ""
    if rest[1:] == ["-W", "%h:%p"]:
        through, rest = True, rest[:1]
    return f"{rest[0]}{port}" if through and len(rest) == 1 else ""


def _ssh_options(node: YamlNode, problems: Problems) -> Iterator[tuple[str, YamlNode]]:
    if node.is_list or node.is_mapping:
        problems.value(node, "these options of ssh should be text", "write them as on the command line, in quotes")
        return
    try:
        words = shlex.split(node.text)
    except ValueError:
        problems.value(node, "the quotes do not close", "")
        return
    while words:
        word = words.pop(0)
        if word in _HARMLESS_FLAGS:
            continue
        flag, value = word[:2], word[2:] or (words.pop(0) if words else "")
        if flag == "-o":
            if _changes_nothing(value):
                continue
            name, value = _parted(value)
            key = _MEANT.get(name.lower())
        else:
            name, key = flag, _FLAGS.get(flag)
        if name.lower() == "proxycommand" and (jump := _jumped(value)):
            key, value = "ssh.jump", jump
        if key is None:
            hint = "remove it, or put it into an ssh_config file that `ssh: {config: …}` names"
            if name.lower() == "proxycommand":
                hint = "write `-o ProxyJump=bastion` instead, or put it into ~/.ssh/config"
            problems.value(node, f"`{name}` among these options of ssh has no meaning here", hint)
        else:
            said = node.with_text(value)
            yield key, _number(said) if key == "ssh.port" else said
