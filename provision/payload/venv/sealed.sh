# uv, and every Python that is run here, sees nothing that was not chosen here: no configuration of the host's, no variable
# of the login. What stays is how the host reaches an index: certificates, proxies, credentials.

for name in $(env | sed -n 's/^\(\(UV\|PIP\|PYTHON\)[A-Z0-9_]*\)=.*/\1/p'); do
    case $name in
        UV_SYSTEM_CERTS|UV_NATIVE_TLS|UV_KEYRING_PROVIDER|UV_CREDENTIALS_DIR|UV_INDEX_*_USERNAME|UV_INDEX_*_PASSWORD) ;;
        *) unset "$name" ;;
    esac
done
unset VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV
# What uv prints is read here.
unset RUST_LOG FORCE_COLOR CLICOLOR_FORCE
# The cache is this build's own and goes when it ends: files that share an inode with it would change together, and links
# to it would lead nowhere.
export UV_NO_CONFIG=1 UV_LINK_MODE=hardlink UV_CACHE_DIR="$cache" UV_PYTHON_INSTALL_DIR="$root/python" UV_NO_PROGRESS=1 NO_COLOR=1
# How the inventory has this host reach an index.
export_environment
