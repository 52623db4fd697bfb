# Whether the API answers, and the controller behind it: what is wrong, or nothing.

well() {
    export URL="$well_url" WHAT=list ASKED='' RECORD='' SECONDS_LEFT=20
    { cd / && printf '%s\n' "$well_program" | as_user "$well_python" -I -S - 2>&1 >/dev/null; } | head -c 300 | head -n 1
}
