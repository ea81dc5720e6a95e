#!/usr/bin/env bash
# Installs, builds and runs the tests: scripts/test.sh [ctest options], e.g. -R Scheduler. The last line says
# how many passed. SNAPVIT_PRESET picks another preset (asan, tsan, …). Without options it leaves out what needs
# other programs and a quiet machine: -L ecosystem (Prometheus, Chromium, grpcio), -L clients (tritonclient, openai), -L slow (models of the true size).
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${SNAPVIT_PRESET:-release}

scripts/setup.sh
# Where torch has its CUDA part, the gpu tests bring the CUDA module along: it compiles and links without a GPU.
scripts/build.sh "$preset"

options=("$@")
if [[ $# -eq 0 ]]; then
  options=(-LE 'ecosystem|clients|slow')
  echo "test: the suites ecosystem, clients and slow are run by hand: scripts/test.sh -L ecosystem, …"
fi
status=0
results=$PWD/build/$preset/tests.xml
ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$(nproc)" \
  --output-junit "$results" "${options[@]}" || status=$?
python3 scripts/test_summary.py "$results"
exit "$status"
