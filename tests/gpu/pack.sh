#!/usr/bin/env bash
# Makes a folder to run the gpu tests, the ordering and the engine's benchmark from, on a GPU machine that has no packages but torch
# 2.11 of PyPI with its CUDA libraries: pack.sh FOLDER, carry it there, and FOLDER/run.sh [MODEL]. Takes build/release, with
# -DSNAPVIT_BENCH=ON.
# The machine needs the glibc and libstdc++ of Debian 12, or newer ones.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:?pack.sh FOLDER}
build=build/release
scripts/build.sh release gpu_test snapvit_cuda engine_bench snapvit

mkdir -p "$out/bin" "$out/lib"
programs=("$build/tests/gpu_test" "$build/bench/engine_bench" "$build/bin/snapvit")
install -s "${programs[@]}" "$out/bin/"
install -s "$build/lib/libsnapvit_cuda.so" "$out/lib/"
# Libraries of Debian's packages; not those of torch and CUDA, nor of the C and C++ runtimes, which are the machine's.
ldd "${programs[@]}" | awk '$2 == "=>" { print $3 }' | sort -u |
  grep -vE '/(torch|nvidia)/|/lib(c|m|dl|rt|util|pthread|stdc\+\+|gcc_s|resolv)\.so' | xargs -I{} install -m 644 {} "$out/lib/"
cp tests/gpu/random_vit.py "$out/"

cat >"$out/run.sh" <<'RUN'
#!/usr/bin/env bash
# Tests, then the time of whole orderings, then times of views: run.sh [MODEL]; without a model a ViT-B/16 of random weights.
# TORCH: the folder of torch, if not that of python3's.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
torch=${TORCH:-$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))')}
LD_LIBRARY_PATH=$here/lib:$torch/lib:$(find "$(dirname "$torch")/nvidia" -name lib -type d | paste -sd:)
export LD_LIBRARY_PATH
status=0
timeout 240 "$here/bin/gpu_test" || status=1
model=${1:-/tmp/random-vit}
[[ -n ${1:-} ]] || python3 "$here/random_vit.py" "$model" || exit 1

# The promise: a ViT-B/16, 1000 images, 50 evaluations, under 60 s.
for recipe in published default; do
  echo "=== ordering, $recipe"
  rm -f /tmp/ordering.safetensors*
  SECONDS=0
  timeout 180 "$here/bin/snapvit" order --model "$model" --device cuda --recipe $recipe --count 1000 -o /tmp/ordering.safetensors || status=1
  echo "seconds: $SECONDS"
done

for dtype in bf16 fp32; do
  echo "=== $dtype"
  "$here/bin/snapvit" profile --model "$model" --device cuda --dtype $dtype --budgets 1,0.75,0.5 --batches 1,2,4,8,16,32,64 || status=1
  for batch in 1 8 32; do
    for budgets in 1 0.5 1,0.5; do
      [[ $batch == 1 && $budgets == *,* ]] && continue
      # The first ones are run, and become graphs: a batch of one view at its second time, a mixed one at its ninth.
      for i in $(seq 52); do echo "time $budgets $batch default"; done |
        "$here/bin/engine_bench" "$model" $dtype 1 31 cuda >"$here/times.txt" || status=1
      python3 - "$budgets" "$batch" "$here/times.txt" <<'MEDIAN' || status=1
import json, statistics, sys
times = [json.loads(line)["ms"] for line in open(sys.argv[3]) if '"ms"' in line]
left = sorted(times[12:])
print(f"budgets {sys.argv[1]} batch {sys.argv[2]}: first {times[0]:.2f} ms, median {statistics.median(left):.3f}, "
      f"quartiles {left[len(left) // 4]:.3f} and {left[3 * len(left) // 4]:.3f}, of {len(left)}")
MEDIAN
    done
  done
done
exit $status
RUN
chmod +x "$out/run.sh"
du -sh "$out" | cut -f1
