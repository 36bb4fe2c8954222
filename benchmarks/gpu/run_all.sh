#!/bin/sh
# Everything that is to be measured on a GPU, most important first, in at most 9 minutes; each part fails alone.
#   OUT=results_folder sh benchmarks/gpu/run_all.sh
# in a folder that pack.py filled, or a checkout with NEUROQUANT_TESTDATA set. NEUROQUANT_GPU_SMALL=1: small, for a CPU.
cd "$(dirname "$0")/../.." || exit 1
: "${OUT:?name a folder for the results}"
mkdir -p "$OUT/pictures"
export PYTHONUNBUFFERED=1 PYTHON="${PYTHON:-python3}"
if [ -d wheels ]; then
  $PYTHON -m pip install -q --no-index --no-deps --no-compile --target site wheels/*.whl || exit 1
fi
export PYTHONPATH="$PWD:$PWD/benchmarks:$PWD/benchmarks/gpu:$PWD/site" NEUROQUANT_TESTDATA="${NEUROQUANT_TESTDATA:-$PWD/data}"
DATA="${DATA:-$(mktemp -d)}"
begin=$(date +%s)
lap() { echo "== $1, $(($(date +%s) - begin)) s"; }

# processor time goes to the brains of the last part while the first parts use the GPU
# shellcheck disable=SC2086
$PYTHON benchmarks/gpu/data.py "$DATA" ${BRAINS:-28 4 13} >"$OUT/data.log" 2>&1 &
lap "training steps"
timeout "${STEPS_S:-180}" $PYTHON benchmarks/gpu/steps.py "$OUT" "${STEPS_LIMIT_S:-155}" 2>&1 | tee "$OUT/steps.log"
lap "other networks"
timeout "${PARTS_S:-70}" $PYTHON benchmarks/gpu/parts.py "$OUT" "${PARTS_LIMIT_S:-55}" 2>&1 | tee "$OUT/parts.log"
lap "rates"
$PYTHON benchmarks/gpu/rates.py "$OUT"
lap "brains"
for _ in $(seq "${BRAINS_S:-40}"); do
  [ -f "$DATA/done" ] && break
  sleep 1
done
lap "training at equal time"
timeout "${QUALITY_S:-220}" $PYTHON benchmarks/gpu/quality.py "$DATA" "$OUT/pictures" "${SECONDS_EACH:-30}" 2>&1 |
  tee "$OUT/quality.log"
mv "$OUT"/pictures/quality.* "$OUT"/ 2>/dev/null
lap "done"
