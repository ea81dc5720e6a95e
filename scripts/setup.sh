#!/usr/bin/env bash
# Installs what the build needs on Debian 12 or Ubuntu 24.04: Debian packages (with root or sudo) and
# LibTorch (pinned, hash-checked wheels, cached under ${XDG_CACHE_HOME:-~/.cache}/snapvit, unpacked into
# build/deps). A second call finds everything done and returns at once.
#
# SNAPVIT_TORCH_DIR=DIR  use the torch 2.11 package in DIR (lib/, include/) and fetch none.
# SNAPVIT_DEV=1          also install what format, lint, the sanitizers (Clang) and the checks of deploy/ need (.ci/run sets it).
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  ca-certificates git python3 python3-pip python3-venv unzip
  g++ cmake ninja-build pkg-config
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  libabsl-dev libssl-dev prometheus-cpp-dev libcivetweb-dev
  libjpeg-dev libpng-dev libwebp-dev zlib1g-dev
  nlohmann-json3-dev libyaml-cpp-dev libcli11-dev libspdlog-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
if [[ "${SNAPVIT_DEV:-}" == 1 ]]; then
  packages+=(clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 haproxy python3-yaml)
  packages+=(fish groff-base zsh)  # tests let them read what --manual prints
fi

die() { echo "setup: $*" >&2; exit 1; }

install_packages() {
  local missing=() p
  for p in "${packages[@]}"; do
    [[ "$(dpkg-query -W -f='${Status}' "$p" 2>/dev/null)" == "install ok installed" ]] || missing+=("$p")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  local as_root=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || die "packages are missing and neither root nor sudo is here. As root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  echo "setup: installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq || die "apt-get update failed: check the network and /etc/apt/sources.list"
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null || die "apt-get install failed: see its message above (Debian 12 or Ubuntu 24.04 is expected)"
}

# name==version  wheel file  sha256 of the wheel
wheels=(
  "torch==2.11.0 torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl 7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a"
  "nvidia-cuda-runtime==13.0.96 nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl 7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"
  "nvidia-cuda-cupti==13.0.85 nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl 4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"
)

verify() { echo "$2  $1" | sha256sum --check --status; }

# Puts one wheel, verified, into the cache folder $3. A wrong hash is never kept.
fetch_wheel() {
  local requirement=$1 file=$2 cache=$3 sha=$4
  if [[ -f "$cache/$file" ]] && verify "$cache/$file" "$sha"; then return 0; fi
  echo "setup: downloading $requirement"
  local tmp; tmp=$(mktemp -d "$cache/download.XXXXXX")
  # Explicit tags: the wheel is for LibTorch, not for the Python that happens to run pip.
  python3 -m pip download --quiet --no-deps --only-binary=:all: --implementation cp --python-version 3.11 \
    --abi cp311 --abi none --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --dest "$tmp" "$requirement" || { rm -rf "$tmp"; die "pip could not download $requirement: check the network, or set SNAPVIT_TORCH_DIR to an installed torch 2.11"; }
  verify "$tmp/$file" "$sha" || { rm -rf "$tmp"; die "$file does not have the expected SHA-256 $sha: the download is damaged or not the pinned file"; }
  mv "$tmp/$file" "$cache/$file"; rm -rf "$tmp"
}

unpack_torch() {
  local deps=build/deps cache=${XDG_CACHE_HOME:-$HOME/.cache}/snapvit stamp wheel
  stamp=$(printf '%s\n' "${wheels[@]}" | sha256sum | cut -c1-16)
  [[ -f "$deps/stamp-$stamp" ]] && return 0
  mkdir -p "$cache" build; rm -rf "$deps" "$deps.tmp"; mkdir -p "$deps.tmp"
  for wheel in "${wheels[@]}"; do
    read -r requirement file sha <<<"$wheel"
    fetch_wheel "$requirement" "$file" "$cache" "$sha"
    echo "setup: unpacking $file"
    unzip -q "$cache/$file" 'torch/lib/*' 'torch/include/*' 'nvidia/*' -d "$deps.tmp" 2>/dev/null || [[ $? -eq 11 ]] ||
      die "$file could not be unpacked: is the disk full? (about 3 GB are needed)"
  done
  touch "$deps.tmp/stamp-$stamp"; mv "$deps.tmp" "$deps"
}

[[ "$(uname -m)" == x86_64 ]] || die "this machine is $(uname -m); the pinned LibTorch is for x86_64"
command -v apt-get >/dev/null || die "apt-get is missing: Debian 12 or Ubuntu 24.04 is expected"
install_packages
if [[ -n "${SNAPVIT_TORCH_DIR:-}" ]]; then
  [[ -f "$SNAPVIT_TORCH_DIR/lib/libtorch_cpu.so" ]] || die "SNAPVIT_TORCH_DIR=$SNAPVIT_TORCH_DIR has no lib/libtorch_cpu.so"
else
  unpack_torch
fi
