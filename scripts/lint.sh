#!/usr/bin/env bash
# clang-format (all of our C++) and house rules that no compiler checks. scripts/lint.sh --fix formats in place.
# clang-tidy runs with scripts/tidy.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files '*.h' '*.cc' '*.cu' '*.cuh')
if [[ "${1:-}" == --fix ]]; then
  clang-format-14 -i "${files[@]}"
else
  clang-format-14 --dry-run --Werror "${files[@]}"
fi

fail=0
complain() { echo "lint: $1" >&2; fail=1; }
# Layering that the linker does not see, because it is about headers.
if grep -nE '#include [<"](grpc|prometheus|google/protobuf)' -r core; then
  complain "core/ must not include gRPC, protobuf or prometheus"
fi
if grep -nE '#include [<"](ATen|torch|c10)/' -r core/scheduling core/base core/image server client --include='*.h' --include='*.cc'; then
  complain "no LibTorch in core/scheduling, core/base, core/image, server or client"
fi
if grep -nE '#include [<"](ATen|torch|c10)' -r core/device --include='*.h' --include='*.cc' ||
  grep -nE '#include [<"](ATen/cuda|c10/cuda|cuda)' -r core server client --include='*.h' --include='*.cc' | grep -v '^core/cuda/'; then
  complain "no LibTorch in core/device, and CUDA is in core/cuda alone"
fi
if grep -nE '#include "(server|client)/' -r core; then complain "core/ must not include server/ or client/"; fi
if grep -nE '#include "(core|server)/' client/*.h client/*.cc; then
  complain "the client library depends on proto alone"
fi
if grep -nE 'absl::(Now|SleepFor)\(|std::this_thread::sleep' -r core/scheduling; then
  complain "core/scheduling takes its time from the injected Clock"
fi
# The wall clock may be set while we wait (core/base/monotonic_wait.h). socket_timer.cc: a connection's bound may be late. access_files.cc: a certificate ends by it.
if grep -nE '(Wait|Await)With(Timeout|Deadline)\(|absl::Now\(' -r core server --include='*.h' --include='*.cc' |
  grep -vE '^(core/base/(clock|monotonic_wait)\.(cc|h)|server/(access_files|log|socket_timer|simulate_main)\.cc):'; then
  complain "waits and deadlines follow the monotonic clock: AwaitAtMost(), Alarm, Clock"
fi
if ! scripts/check_docs.py; then complain "documentation refers to what is not there"; fi
exit $fail
