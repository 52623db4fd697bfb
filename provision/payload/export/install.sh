# Part of an export. Makes this host ready, as often as it is run: user, folders, files, environment; says which secrets
# and which model are missing (exit code 3). Nothing is started. `install.sh folders` makes
# the folders alone, of which a reboot takes some. $WHEELS names a folder of wheels to install from, where
# there is no package index.
# shellcheck disable=SC2154 # the values are those of host.sh

here=$(cd -- "$(dirname -- "$0")" && pwd) || exit 1
# shellcheck disable=SC1091 # made for each host
. "$here/host.sh"
umask 022
tab=$(printf '\t')
missing=0

if [ -n "$user" ] && [ "$user" != "$(id -un)" ] && [ "$(id -u)" != 0 ]; then
    echo "services run as $user: run this as root" >&2; exit 1
fi
if [ -n "$user" ] && ! id -- "$user" >/dev/null 2>&1; then
    [ -n "$makes_user" ] || { echo "there is no user $user" >&2; exit 1; }
    useradd --system --home-dir "$home" --shell /usr/sbin/nologin -- "$user" || exit 1
fi
give() { [ -z "$1" ] || [ "$(id -u)" != 0 ] || chown -- "$1:" "$2"; }

# Lines: mode, owner (`-`: whoever installs), path; of a file its name below files/ as well.
while IFS=$tab read -r mode owner path; do
    [ "$owner" != - ] || owner=''
    ( [ "$mode" != 700 ] || umask 077; mkdir -p -- "$path" ) && chmod "$mode" -- "$path" && give "$owner" "$path" || exit 1
done < "$here/folders"
[ "$1" != folders ] || exit 0
while IFS=$tab read -r mode owner path name; do
    [ "$owner" != - ] || owner=''
    mkdir -p -- "${path%/*}" && cp -- "$here/files/$name" "$path.new" && chmod "$mode" -- "$path.new" &&
        give "$owner" "$path.new" && mv -f -- "$path.new" "$path" || exit 1
done < "$here/files.list"

# With an image, a program that runs it; whoever installs may have it by a module.
if [ -n "${image:-}" ]; then
    found=$(command -v apptainer || command -v singularity) ||
        { echo "there is neither apptainer nor singularity here: install one, or load its module, first" >&2; exit 1; }
    ln -sfn -- "$found" "$apptainer" || exit 1
    if [ -n "$image_from" ] && [ ! -s "$image" ]; then
        # In a file of its own until it is whole.
        rm -f -- "$image.part"
        if ! "$apptainer" pull "$image.part" "$image_from" >&2 || ! mv -f -- "$image.part" "$image"; then
            rm -f -- "$image.part"; echo "$image_from was not fetched" >&2; exit 1
        fi
    elif [ ! -e "$image" ]; then missing=3; echo "missing: the image $image" >&2; fi
fi

# What provision has built there is whole as well.
if [ -n "$environment" ] && [ ! -e "$environment/.installed" ] && [ ! -e "$environment/.provision" ]; then
    found=$(command -v "python$python") || { echo "there is no python$python here: install it first" >&2; exit 1; }
    if [ -n "${WHEELS:-}" ]; then from="--no-index --find-links $WHEELS"; else from=''; fi
    rm -rf -- "$environment"
    # shellcheck disable=SC2086 # words, and a folder without blanks
    mkdir -p -- "${environment%/*}" && "$found" -m venv "$environment" &&
        "$environment/bin/python" -m pip install --disable-pip-version-check -q --require-hashes $from -r "$here/requirements.txt" &&
        : > "$environment/.installed" || exit 1
fi

# Units, where there are any.
for unit in $units; do
    cp -- "$here/$unit" /etc/systemd/system/ && chmod 644 "/etc/systemd/system/$unit" || exit 1
done
if [ -n "$units" ]; then
    # shellcheck disable=SC2086 # names of units
    systemctl daemon-reload && systemctl --quiet enable -- $units || exit 1
fi

# Lines: path, owner, names of variables (none: the file is the secret alone), what it is.
while IFS=$tab read -r path owner names what; do
    [ "$owner" != - ] || owner=''
    if [ ! -s "$path" ]; then
        missing=3
        if [ "$names" = - ]; then echo "missing: $path: $what alone, the same on all hosts" >&2
        else echo "missing: $path: $what, a line NAME=value for each of $names" >&2; fi
        continue
    fi
    chmod 600 -- "$path" && give "$owner" "$path" || exit 1
done < "$here/secrets.list"
if [ -n "$model" ] && [ ! -e "$model/config.json" ]; then
    missing=3
    if [ -z "$model_repo" ]; then echo "missing: the model in $model" >&2
    else
        echo "missing: the model in $model; it is downloaded by" >&2
        if [ -n "${image:-}" ]; then hf="$apptainer exec --bind ${model%/*} $image hf"; else hf=$environment/bin/hf; fi
        echo "  $hf download $model_repo${model_revision:+ --revision $model_revision} --local-dir $model" >&2
    fi
fi
if [ "$missing" = 0 ] && [ -n "$units" ]; then echo "$host is ready: systemctl start $units"
elif [ "$missing" = 0 ]; then echo "$host is ready: ./run.sh start"; fi
exit "$missing"
