#!/usr/bin/env bash
# The CUDA module brings libtorch_cuda and offers its one function; the programs, which run without a GPU's libraries,
# need none of them: check_needed.sh MODULE PROGRAM…
set -euo pipefail
module=$1
shift

fail=0
complain() { echo "$1" >&2; fail=1; }
needed() { readelf --dynamic --wide "$1" | grep '(NEEDED)' || true; }

for library in libtorch_cuda.so libc10_cuda.so libtorch_cpu.so libc10.so libcudart.so.13; do
  needed "$module" | grep -qF "[$library]" || complain "$module does not need $library"
done
nm -D --defined-only "$module" | grep -q ' T snapvit_cuda_api$' || complain "$module does not define snapvit_cuda_api"
for program in "$@"; do
  if needed "$program" | grep -iE 'cud|cublas|nvrtc'; then complain "$program needs CUDA"; fi
done
exit $fail
