# Whether the store greets whoever connects (gRPC): what is wrong, or nothing.

well() {
    export PLACES="$store_places"
    { printf '%s\n' "$store_program" | as_user "$store_python" -I -S - || echo "it could not be asked"; } 2>/dev/null |
        head -c 300 | head -n 1
}
