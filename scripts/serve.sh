#!/usr/bin/env bash
# Installs, builds and starts the server: by default with the demo model on 127.0.0.1:50051 (gRPC) and
# 127.0.0.1:8080 (HTTP: the status page, /metrics, /healthz, /readyz). Arguments go to snapvit-server: scripts/serve.sh --help.
# A second call skips what is done and starts in seconds. Ctrl-C drains and stops.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
invoked_from=$PWD

"$here/scripts/setup.sh"
"$here/scripts/build.sh" release snapvit-server snapvit

default_model=(--model "$here/models/demo")
for argument in "$@"; do
  case "$argument" in
    --model | --model=* | --config | --config=* | --help | -h) default_model=() ;;
  esac
done
[[ -z "${SNAPVIT_MODEL:-}" ]] || default_model=()
cd "$invoked_from"
exec "$here/build/release/bin/snapvit-server" "${default_model[@]}" "$@"
