#!/usr/bin/env bash
# Starts the server and calls it with the unmodified clients of Triton and OpenAI:
#   tests/e2e/clients/setup.sh                                       # once
#   tests/e2e/clients/run.sh build/release/bin/snapvit-server        # or with further flags of the server
# Exit status 77: the clients are not installed, nothing was checked.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
clients=$here/../../../build/clients
if [[ ! -d $clients ]]; then
  echo "Skipped"
  echo "the clients are not installed: tests/e2e/clients/setup.sh does that"
  exit 77
fi
PYTHONPATH=$clients exec python3 "$here/check_clients.py" "$@"
