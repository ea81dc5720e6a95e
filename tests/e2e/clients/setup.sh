#!/usr/bin/env bash
# Installs the clients that check_clients.py tests with into build/clients (about 150 MB), from PyPI.
set -euo pipefail
cd "$(dirname "$0")/../../.."
rm -rf build/clients
python3 -m pip install --quiet --target build/clients --requirement tests/e2e/clients/requirements.txt
