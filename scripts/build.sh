#!/usr/bin/env bash
# Configures and builds one preset: scripts/build.sh [PRESET] [TARGET…]; prints one line if nothing was to do.
# Called by serve.sh, test.sh and .ci/run.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}; shift || true

log=build/$preset/configure.log
mkdir -p "build/$preset"
if ! cmake --preset "$preset" >"$log" 2>&1; then
  cat "$log" >&2
  echo "build: configuring failed (log: $log). scripts/setup.sh installs what is needed; rm -r build/$preset starts afresh." >&2
  exit 1
fi
targets=()
for target in "$@"; do targets+=(--target "$target"); done
cmake --build "build/$preset" "${targets[@]}" || {
  echo "build: preset $preset failed; the first error is above." >&2
  exit 1
}
