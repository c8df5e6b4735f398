#!/usr/bin/env bash
# Creates the virtual environment with the three commands, the compiled core and everything the tests need.
# Installs missing system packages with apt where that is permitted; else one sentence names them.
set -euo pipefail
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}

report() { printf '%s\n' "$*" >&2; }

apt_install() {  # apt_install PACKAGE...: fails without a message
    command -v apt-get >/dev/null || return 1
    local sudo=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null && sudo -n true 2>/dev/null || return 1
        sudo=(sudo -n)
    fi
    report "Installing $* with apt ..."
    { "${sudo[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq "$@"; } \
        >/dev/null 2>&1
}

need=()
if ! command -v "$PYTHON" >/dev/null; then
    need+=(python3 python3-venv python3-dev)
else
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        { report "lkas needs Python 3.11 or newer; $PYTHON is $("$PYTHON" -V 2>&1). Try: make setup PYTHON=python3.12"; exit 1; }
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || need+=(python3-venv)
    "$PYTHON" -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
        need+=(python3-dev)
fi
command -v gcc >/dev/null || need+=(gcc libc6-dev)
if [ ${#need[@]} -gt 0 ] && ! apt_install "${need[@]}"; then
    report "lkas needs the system packages ${need[*]}; install them (sudo apt install ${need[*]}) and run make again."
    exit 1
fi

if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
    apt_install chromium || report "Chromium is not installed (sudo apt install chromium): the browser tests will be skipped."
fi

quietly() {  # quietly COMMAND...: shows the output only when the command fails
    local log
    log=$(mktemp)
    "$@" >"$log" 2>&1 || { cat "$log" >&2; report "Failed: $*"; rm -f "$log"; exit 1; }
    rm -f "$log"
}

report "Setting up $VENV (a minute or two) ..."
[ -x "$VENV/bin/python" ] || quietly "$PYTHON" -m venv "$VENV"
quietly "$VENV/bin/python" -m pip install --upgrade pip setuptools wheel
quietly "$VENV/bin/python" -m pip install numpy  # its headers, for the build below
quietly "$VENV/bin/python" -m pip install --no-build-isolation -e '.[test,check]'
quietly "$VENV/bin/python" -c 'import lkas.integration.shared_memory._core, lkas.detection.lane_fit._kernels, simulation.embedded.renderer._draw'
report "Ready: $VENV/bin has lkas, simulation and viewer."
