#!/usr/bin/env bash
# The README's commands on a bare Debian 12, from a fresh clone of the last commit. By hand, as root, with
# debootstrap: 10 to 20 minutes, 6 GB, the ports 50051 and 8080.
#
#   tests/e2e/clean_debian.sh serve [FOLDER]   scripts/serve.sh, a request at budget 0.5, a second start
#   tests/e2e/clean_debian.sh test [FOLDER]    scripts/test.sh
#
# FOLDER holds the Debian tree; default: a temporary one that is removed at the end. What the tree needs from this host is in
# debian_tree.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
. "$here/tests/e2e/debian_tree.sh"
mode=${1:-serve}
[[ $EUID -eq 0 ]] || { echo "clean: needs root" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "clean: debootstrap is missing: apt-get install debootstrap" >&2; exit 2; }

keep=${2:-}
folder=${keep:-$(mktemp -d /var/tmp/snapvit-clean.XXXXXX)}
root=$folder/root
server=
cleanup() {
  [[ -z "$server" ]] || pkill -TERM -f -x '.*bin/snapvit-server .*' || true
  leave_debian "$root"
  [[ -n "$keep" ]] || rm -rf --one-file-system "$folder"
}
trap cleanup EXIT

step() { echo "=== [$SECONDS s] $*"; }

step "debootstrap"
make_debian "$root" "$folder/debootstrap.log"
git clone --quiet "file://$here" "$root/snapvit"

if [[ $mode == test ]]; then
  step "scripts/test.sh"
  in_debian "$root" bash -c 'cd /snapvit && scripts/test.sh'
  step "done"
  exit 0
fi

start() {
  in_debian "$root" bash -c 'cd /snapvit && exec scripts/serve.sh' >>"$folder/serve.log" 2>&1 &
  server=$!
  until curl -fs http://127.0.0.1:8080/readyz >/dev/null; do
    kill -0 "$server" 2>/dev/null || { tail -20 "$folder/serve.log" >&2; echo "clean: serve.sh ended" >&2; exit 1; }
    sleep 1
  done
}
stop() {
  pkill -TERM -f -x '.*bin/snapvit-server .*' || true
  wait "$server" || { echo "clean: the server ended with $?" >&2; exit 1; }
  server=
}

step "scripts/serve.sh"
start
step "ready; classify"
in_debian "$root" bash -c 'cd /snapvit && build/release/bin/snapvit classify docs/example.jpg --target 127.0.0.1:50051 --budget 0.5 --json' |
  tee "$folder/reply.json"
python3 - "$folder/reply.json" <<'PYTHON'
import json, sys
result = json.load(open(sys.argv[1]))["results"][0]
assert result["labels"][0]["label"], result
assert 0 < result["receipt"]["served_compute"] <= 0.5, result["receipt"]
print("clean: label", result["labels"][0]["label"], "at served_compute", result["receipt"]["served_compute"])
PYTHON
stop
step "second start"
start
step "ready again"
stop
step "done"
