# A module that a service imports, put where the service itself cannot write; without a text, it is removed. What a start
# leaves there (bytecode, where the service's user owns the folder) is of the text before.

put_module() (
    umask 022
    mkdir -p -- "${module_folder%/*}" && is_ours "${module_folder%/*}" d && rm -rf -- "$module_folder" &&
        mkdir -- "$module_folder" && printf %s "$module_text" > "$module_folder/$module_name"
)
if [ -n "$module_text" ]; then
    put_module || { echo "$module_folder cannot be made, or others can write the folder above" >&2; exit 1; }
else
    rm -rf -- "$module_folder"
fi
