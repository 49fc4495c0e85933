#!/usr/bin/env bash
# Install the Debian or Ubuntu packages that are missing: tools/system_packages.sh NAME...
set -euo pipefail

if ! command -v dpkg-query >/dev/null; then
    [ "$(uname)" != Linux ] || [ $# -eq 0 ] ||
        echo "Not a Debian system: see to it that the likes of these are installed: $*" >&2
    exit 0
fi

installed() {
    # Newer releases call some libraries by the same name with t64 behind it.
    local name
    for name in "$1" "$1t64"; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null)" != "ii " ] || return 0
    done
    return 1
}

missing=()
for name in "$@"; do
    installed "$name" || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif command -v sudo >/dev/null; then
    as_root=(sudo)
    [ -t 0 ] || as_root+=(-n)
else
    as_root=(false)
fi
echo "Installing Debian packages: ${missing[*]}"
if ! { "${as_root[@]}" apt-get update -q &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}"; }; then
    cat >&2 <<END
These system packages are missing and could not be installed:
    ${missing[*]}
Ask an administrator for: apt-get install ${missing[*]}
or go on without them: make SYSTEM_PACKAGES= ...
END
    exit 1
fi
