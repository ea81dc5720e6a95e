#!/usr/bin/env bash
# clang-tidy 14 over our sources: scripts/tidy.sh [FILE…] (default: everything that compiles without LibTorch).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh asan snapvit_proto >/dev/null
files=("$@")
if [[ ${#files[@]} -eq 0 ]]; then
  mapfile -t files < <(git ls-files 'core/**/*.cc' 'server/*.cc' 'client/*.cc' |
    while read -r file; do grep -q "\"file\": \".*/$file\"" build/asan/compile_commands.json && echo "$file"; done)
fi
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-14 --quiet -p build/asan
