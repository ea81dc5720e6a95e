#!/usr/bin/env bash
# Installs, builds and runs every test: scripts/test.sh [ctest options], e.g. -R Scheduler. The last line says
# how many passed. SNAPVIT_PRESET picks another preset (asan, tsan, …).
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${SNAPVIT_PRESET:-release}

scripts/setup.sh
# Where torch has its CUDA part, the gpu tests bring the CUDA module along: it compiles and links without a GPU.
scripts/build.sh "$preset"

status=0
results=$PWD/build/$preset/tests.xml
ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$(nproc)" \
  --output-junit "$results" "$@" || status=$?
python3 scripts/test_summary.py "$results"
exit "$status"
