#!/bin/sh
# Everything that is to be measured on a GPU, most important first, in at most 9 minutes; each part fails alone.
#   OUT=results_folder sh benchmarks/gpu/run_all.sh
# in a folder that pack.py filled, or a checkout with NEUROQUANT_TESTDATA set. NEUROQUANT_GPU_SMALL=1: small, for a CPU.
cd "$(dirname "$0")/../.." || exit 1
: "${OUT:?name a folder for the results}"
mkdir -p "$OUT/pictures"
export PYTHONUNBUFFERED=1 PYTHON="${PYTHON:-python3}"
if [ -d wheels ]; then
  $PYTHON -m pip install -q --no-index --no-deps --no-compile --target site wheels/*.whl ||
    echo "the packed wheels were not installed: parts that need them will fail"
fi
export PYTHONPATH="$PWD:$PWD/benchmarks:$PWD/benchmarks/gpu:$PWD/site" NEUROQUANT_TESTDATA="${NEUROQUANT_TESTDATA:-$PWD/data}"
DATA="${DATA:-$(mktemp -d)}"
begin=$(date +%s)
# a script's output, shown and kept; one that fails or is stopped says so, and the next begins
script() {
  name=$1 limit=$2
  shift 2
  {
    timeout "$limit" $PYTHON "benchmarks/gpu/$name.py" "$@" ||
      echo "$name.py ended with status $? (124: stopped after $limit s): what it measured before that is kept"
  } 2>&1 | tee "$OUT/$name.log"
}
lap() { echo "== $1, $(($(date +%s) - begin)) s"; }

# processor time goes to the brains of the last part while the first parts use the GPU
# shellcheck disable=SC2086
$PYTHON benchmarks/gpu/data.py "$DATA" ${BRAINS:-28 4 13} >"$OUT/data.log" 2>&1 &
lap "training steps"
script steps "${STEPS_S:-180}" "$OUT" "${STEPS_LIMIT_S:-155}"
lap "other networks"
script parts "${PARTS_S:-70}" "$OUT" "${PARTS_LIMIT_S:-55}"
lap "rates"
script rates 20 "$OUT"
lap "brains"
for _ in $(seq "${BRAINS_S:-40}"); do
  [ -f "$DATA/done" ] && break
  sleep 1
done
[ -f "$DATA/done" ] || echo "data.py has not finished (data.log): training takes the brains that are there"
lap "training at equal time"
script quality "${QUALITY_S:-220}" "$DATA" "$OUT/pictures" "${SECONDS_EACH:-30}"
mv "$OUT"/pictures/quality.* "$OUT"/ 2>/dev/null
lap "done"
