# What a program is to find in its environment: exports `name_0=value_0` and so on, `names` of them.

export_environment() {
    i=0
    while [ "$i" -lt "$names" ]; do eval "export \"\$name_$i=\$value_$i\""; i=$((i + 1)); done
}
