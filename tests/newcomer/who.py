"""Who types, with what rights and in what environment."""

from dataclasses import dataclass

SBIN = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What Docker leaves to root unless told otherwise.
CONTAINER = (
    "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,"
    "+mknod,+audit_write,+setfcap"
)


@dataclass(frozen=True)
class Who:
    """Who types. `home` is empty where HOME is not set; `name` where the user has no entry in passwd."""

    uid: int
    name: str
    home: str
    confined: bool = False

    @property
    def tree(self) -> str:
        """Where they unpack the project."""
        return f"{self.home or '/srv'}/provision"

    def privileges(self) -> list[str]:
        if self.confined:
            return ["setpriv", f"--bounding-set={CONTAINER}", f"--inh-caps={CONTAINER}"]
        groups = "--init-groups" if self.name else "--clear-groups"
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", groups] if self.uid else []

    def environment(self) -> dict[str, str]:
        path = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games" if self.uid else SBIN
        names = {"HOME": self.home, "USER": self.name, "LOGNAME": self.name}
        return {"PATH": path, "LANG": "C.UTF-8", "SHELL": "/bin/bash", **{k: v for k, v in names.items() if v}}


ROOT = Who(0, "root", "/root")
