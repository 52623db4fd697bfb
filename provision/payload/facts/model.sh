# The folder of the model. Not below .cache and .git: what a download notes for itself differs between hosts whose
# models do not.

if [ -n "$model" ]; then
    echo "@model"
    echo "path=$model"
    if [ -d "$model" ]; then
        echo "there=yes"
        if [ -f "$model/config.json" ]; then
            echo "@config"
            head -c 65536 "$model/config.json" 2>/dev/null | tr '\n\r' '  '
            echo
        fi
        echo "@files"
        (
            cd -- "$model" && {
                timeout 10 find -L . \( -name .cache -o -name .git \) -prune -o -type f -exec stat -L -c '%s %n' {} +
                echo "end=$?"
            } 2>/dev/null | head -n 5000
        )
    fi
fi
