#!/usr/bin/env bash
# Lays out what an image needs, from a finished build: stage.sh BUILD_FOLDER ROOT. Programs in usr/bin, the libraries
# of LibTorch that they load (and no others) in usr/lib/snapvit, the demo model, and the health check.
set -euo pipefail
build=$1 root=$2
here=$(cd "$(dirname "$0")" && pwd)

install -d "$root/usr/bin" "$root/usr/lib/snapvit" "$root/usr/share/snapvit/models" "$root/etc/ld.so.conf.d"
install -s "$build/bin/snapvit-server" "$build/bin/snapvit" "$root/usr/bin/"
install "$here/healthcheck.sh" "$root/usr/bin/snapvit-healthcheck"
cp -r "$here/../../models/demo" "$root/usr/share/snapvit/models/"
if [[ -f $build/lib/libsnapvit_cuda.so ]]; then install -s "$build/lib/libsnapvit_cuda.so" "$root/usr/lib/"; fi

# torch/lib and nvidia/cu13/lib stay siblings: torch's libraries look for CUDA's there.
deps=$(realpath "$here/../../build/deps")
ldd "$build/bin/snapvit-server" "$build/bin/snapvit" | awk '$2 == "=>" { print $3 }' | sort -u | while read -r library; do
  library=$(realpath "$(dirname "$library")")/$(basename "$library")
  [[ $library == "$deps"/* ]] || continue
  install -D "$library" "$root/usr/lib/snapvit/${library#"$deps"/}"
done
[[ -f $root/usr/lib/snapvit/torch/lib/libtorch_cpu.so ]] || { echo "stage: the programs in $build/bin load no LibTorch of $deps" >&2; exit 1; }
find "$root/usr/lib/snapvit" -name lib -type d -printf '/usr/lib/snapvit/%P\n' >"$root/etc/ld.so.conf.d/snapvit.conf"
