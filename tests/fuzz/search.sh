#!/usr/bin/env bash
# A short search from the committed corpus, which stays as it is: search.sh PROGRAM [SECONDS]. FUZZ_FOLDER keeps what it learns;
# else that is gone afterwards, unless something was found.
set -euo pipefail
program=$1
seconds=${2:-${FUZZ_SECONDS:-30}}
here=$(cd "$(dirname "$0")" && pwd)
target=$(basename "$program" _fuzz)
folder=${FUZZ_FOLDER:-$(mktemp -d)}
mkdir -p "$folder/learnt"
options=(-max_total_time="$seconds" -seed=1 -rss_limit_mb=1500 -malloc_limit_mb=512 -timeout=25 -print_final_stats=1
         -artifact_prefix="$folder/")
[[ -f "$here/corpus/$target.dict" ]] && options+=(-dict="$here/corpus/$target.dict")
if ! "$program" "${options[@]}" "$folder/learnt" "$here/corpus/$target"; then
  echo "search.sh: the input is in $folder: fix it, and add it to $here/corpus/$target" >&2
  exit 1
fi
[[ -n "${FUZZ_FOLDER:-}" ]] || rm -rf "$folder"
