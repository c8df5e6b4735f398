#!/usr/bin/env bash
# Installs MetaDrive, a simulator of others, into build/foreign and drives 2 km per method in it with `simulation eval`.
# Where it cannot be installed (another Python than 3.11, no package index) the drive is skipped with a sentence.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=${VENV:-build/foreign}
OUT=${OUT:-build/foreign-drives}
SEEDS=${SEEDS:-1 2 3 4}  # roads of about 600 m each

skip() {
	echo "make foreign: skipped: $1"
	exit 0
}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
	skip "MetaDrive 0.3.0.1 needs Python 3.11, found $("$PYTHON" -V); set PYTHON=python3.11"
if [ ! -e "$VENV/.ready" ]; then
	rm -rf "$VENV"
	"$PYTHON" -m venv "$VENV"
	# The packages that MetaDrive leaves open, in versions that its drawing and its protobuf 3.20 agree with.
	"$VENV/bin/python" -m pip install -q metadrive-simulator==0.3.0.1 panda3d-simplepbr==0.10 panda3d-gltf==0.13 \
		protobuf==3.20.3 onnxruntime==1.17.3 || skip "MetaDrive 0.3.0.1 cannot be installed here, see the lines above"
	rm -rf build/lib*  # a wheel would include what an earlier build left there
	"$VENV/bin/python" -m pip install -q . opencv-python-headless==4.11.0.86
	touch "$VENV/.ready"
fi
for seed in $SEEDS; do
	"$VENV/bin/python" -P -m simulation eval --world examples/metadrive_world.py:MetaDrive \
		--world-option "seed=$seed" --method cv,hybrid --jobs 1 --duration 300 --set decision.set_speed_mps=8 \
		--out "$OUT/$seed" >"$VENV/eval.log" 2>&1 ||
		{ cat "$VENV/eval.log"; exit 1; }
done
"$VENV/bin/python" -P scripts/foreign_summary.py "$OUT" $SEEDS
