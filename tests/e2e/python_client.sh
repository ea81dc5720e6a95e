#!/usr/bin/env bash
# Builds the wheel of snapvit-client and tests what was installed from it: its types (mypy), its parts, a stub server,
# and the real server with a simulated engine.
#   tests/e2e/python_client.sh            in a virtual environment of its own (build/python-client), from PyPI
#   tests/e2e/python_client.sh --no-venv  with the packages of SNAPVIT_PYTHON (python3), from the source folder;
#                                         exit status 77, which ctest shows as skipped, if they are not there
# Needs snapvit-server in SNAPVIT_BIN (build/release/bin).
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
export SNAPVIT_BIN=${SNAPVIT_BIN:-$here/build/release/bin} PYTHONDONTWRITEBYTECODE=1
python=${SNAPVIT_PYTHON:-python3}
[[ -x $SNAPVIT_BIN/snapvit-server ]] || { echo "python_client.sh: no snapvit-server in $SNAPVIT_BIN: scripts/build.sh" >&2; exit 1; }

if [[ "${1:-}" == --no-venv ]]; then
  if ! missing=$("$python" -c 'import google.rpc.status_pb2, grpc, grpc_tools, numpy, PIL, pytest' 2>&1); then
    echo "SKIPPED: $python cannot run the client's tests: ${missing##*$'\n'}" \
      "(tests/e2e/python_client.sh installs what they need)" >&2
    exit 77
  fi
  "$python" "$here/client/python/generate_protos.py"
  export PYTHONPATH=$here/client/python/src
else
  venv=$here/build/python-client
  [[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
  python=$venv/bin/python
  "$python" -m pip install --quiet -r "$here/tests/requirements-client.txt"
  rm -rf "$venv/dist"
  # The wheel from the source distribution, so that both are tested.
  "$python" -m build --outdir "$venv/dist" "$here/client/python" >"$venv/build.log" 2>&1 || { cat "$venv/build.log" >&2; exit 1; }
  "$python" -m pip install --quiet --force-reinstall --no-deps "$venv"/dist/*.whl
  (cd "$venv" && bin/mypy --cache-dir mypy --config-file "$here/client/python/pyproject.toml" -p snapvit_client)
fi
"$python" -m pytest -q -p no:cacheprovider "$here/tests/unit/client/python" "$here/tests/e2e/python/test_python_client.py"
