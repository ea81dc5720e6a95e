#!/usr/bin/env bash
# Two promises on a running server: switching between rungs costs nothing (switch_bench), and memory stays at one copy of
# the weights after every rung has been used.
#   tests/bench/serve_and_measure.sh MODEL_DIR [ROUNDS] [snapvit-server options]
# Needs build/release with -DSNAPVIT_BENCH=ON. Without an ordering in --cache-dir the server computes one first.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
model=$1 rounds=${2:-41}
shift; shift || true
ready=$(mktemp -u)
"$here/build/release/bin/snapvit-server" --model "$model" --listen 127.0.0.1:0 --http 127.0.0.1:0 --admin-listen 127.0.0.1:0 --floor 0.25 \
  --ready-file "$ready" --log-level warning "$@" &
server=$!
trap 'kill $server 2>/dev/null; wait; rm -f "$ready"' EXIT
until [[ -f $ready ]]; do kill -0 $server && sleep 0.2; done
target=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["listen"])' "$ready")
"$here/build/release/bench/switch_bench" "$target" "$rounds"
weights=$(python3 - "$model" <<'PYTHON'
import json, struct, sys
with open(sys.argv[1] + "/model.safetensors", "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
sizes = {"F32": 4, "F16": 2, "BF16": 2}
print(sum(4 * (t["data_offsets"][1] - t["data_offsets"][0]) // sizes[t["dtype"]]
          for name, t in header.items() if name != "__metadata__"))
PYTHON
)
kilobytes() { awk -v key="$1:" '$1 == key { print $2 }' "/proc/$server/status"; }
awk -v weights="$weights" -v rss="$(kilobytes VmRSS)" -v peak="$(kilobytes VmHWM)" 'BEGIN {
  printf "weights in f32 %.0f MB; RSS %.0f MB, limit 1.3 x weights + 300 MB = %.0f MB; peak %.0f MB\n",
    weights / 1e6, rss * 1024 / 1e6, 1.3 * weights / 1e6 + 300, peak * 1024 / 1e6 }'
