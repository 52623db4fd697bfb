# The folder of the model. Not below .cache and .git: what a download notes for itself differs between hosts whose
# models do not; nor what has a newline in its name, which would be a line of its own here. Root reads with the rights of whoever owns the folder, who could have put a link there.
# shellcheck disable=SC2016 # for the shell with those rights
# shellcheck disable=SC2086 # split into words on purpose

if [ -n "$model" ]; then
    echo "@model"
    echo "path=$model"
    rights=
    if [ "$uid" = 0 ]; then
        value=$(stat -c '%u %g' -- "$model" 2>/dev/null)
        case $value in
            ''|"0 "*) ;;
            *) rights="setpriv --reuid ${value% *} --regid ${value#* } --clear-groups --inh-caps=-all --" ;;
        esac
    fi
    (cd / && $rights sh -c '
        [ -d "$1" ] || exit 0
        echo "there=yes"
        if [ -f "$1/config.json" ]; then
            echo "@config"
            head -c 1048576 "$1/config.json" 2>/dev/null | tr "\n\r" "  "
            echo
            if [ -f "$1/hf_quant_config.json" ] && ! grep -q "\"quantization_config\"" "$1/config.json"; then
                echo "@quantization"
                head -c 1048576 "$1/hf_quant_config.json" 2>/dev/null | tr "\n\r" "  "
                echo
            fi
        fi
        echo "@files"
        cd -- "$1" && {
            timeout 10 find -L . \( -name .cache -o -name .git -o -name "*$2*" \) -prune -o -type f -exec stat -L -c "%s %n" {} +
            echo "end=$?"
        } 2>/dev/null | head -n 5000
    ' sh "$model" "$newline")
fi
