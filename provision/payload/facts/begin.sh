# What the parts of the facts script have in common. Each program that is started costs the host about a millisecond:
# what sh can find out itself it does, and a program answers as much as it can in one run.
# shellcheck disable=SC2034 # used by the files that follow
# shellcheck disable=SC2088 # the tilde is that of a value, which no shell has expanded

for value in /usr/local/sbin /usr/sbin /sbin; do case ":$PATH:" in *":$value:"*) ;; *) PATH=$PATH:$value ;; esac; done
newline='
'
old_ifs=$IFS
# Root starts nothing that somebody else could change.
sound() { [ "$uid" -ne 0 ] || [ -z "$(strangers "$1" 0)" ]; }
has() { command -v "$1" >/dev/null 2>&1; }
has timeout || timeout() { shift; "$@"; }
case "$root" in "~") root=$HOME ;; "~/"*) root="$HOME/${root#"~/"}" ;; esac
case "$model" in "~") model=$HOME ;; "~/"*) model="$HOME/${model#"~/"}" ;; esac
case "$sent" in "~/"*) sent="$HOME/${sent#"~/"}" ;; esac
# What this host does not have itself is sent: then it is that folder that is asked about.
[ -z "$sent" ] || [ -d "$model" ] || model=$sent
