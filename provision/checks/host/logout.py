"""Whether logind ends what a session leaves behind, and with it services that run as whoever logs in."""

from provision import HostCheck, Severity

CHECK = HostCheck(
    area="system",
    fact="logout",
    # Root's services are units, and so are those of a user who lingers: they belong to no session. Whom logind is told
    # to spare, or to end alone, is left to the look that `up` takes in the end.
    ask=r"""
if [ "$(id -u)" != 0 ] && [ -d /run/systemd/system ] && [ ! -e "/var/lib/systemd/linger/$(id -un)" ]; then
    set -- org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager
    set -- "$@" KillUserProcesses KillExcludeUsers KillOnlyUsers
    case $(timeout 3 busctl get-property "$@" 2>/dev/null | tr '\n' ' ') in
        *"\"$(id -un)\""*) ;; "b true "*"as 0 ") echo "ends services" ;;
    esac
fi
""".strip(),
    sound=lambda _: False,
    severity=Severity.BLOCKS,
    said="logind ends all processes of a user with the session (`KillUserProcesses=yes`)",
    why="services would run while `up` does, and be gone with its connection",
    hint="run `sudo loginctl enable-linger` for the user who logs in to {host}, or set `sudo: true`",
    good=("",),
    bad=("ends services\n",),
)
