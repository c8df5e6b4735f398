#!/usr/bin/env bash
# Installs the oldest allowed version of every dependency into an environment of its own, then runs the smoke test.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=${VENV:-build/oldest}

rm -rf "$VENV" build/lib*  # a wheel would include what an earlier build left there
"$PYTHON" -m venv "$VENV"
"$PYTHON" scripts/oldest.py >"$VENV/oldest.txt"
"$VENV/bin/python" -m pip install -q --upgrade pip
"$VENV/bin/python" -m pip install -q -c "$VENV/oldest.txt" .
"$VENV/bin/python" -m pip check
cat "$VENV/oldest.txt"
"$VENV/bin/python" -P scripts/smoke.py
