#!/usr/bin/env bash
# Packs a build, unpacks the Debian packages into an empty folder, and uses what is there: the server, the command line,
# the client library from somebody else's CMake project; then, as root and with debootstrap, installs them in a Debian of its own
# and purges them. By hand: minutes, and 3 GB.
#
#   tests/e2e/packages.sh [BUILD]      BUILD: a built preset; default build/release
#
# SNAPVIT_PACKAGES=FOLDER takes the packages there instead of packing.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
. "$here/tests/e2e/debian_tree.sh"
build=$(cd "${1:-$here/build/release}" && pwd)
for tool in cpack dpkg-deb dpkg-shlibdeps readelf; do
  command -v "$tool" >/dev/null || { echo "packages: $tool is missing: apt-get install cmake dpkg-dev binutils" >&2; exit 77; }
done

work=$(mktemp -d "${TMPDIR:-/var/tmp}/snapvit-packages.XXXXXX")
debian=$work/debian
server=
cleanup() {
  [[ -z "$server" ]] || kill -KILL "$server" 2>/dev/null || true
  leave_debian "$debian"
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
step() { echo "=== [$SECONDS s] $*"; }
fail() { echo "packages: $*" >&2; exit 1; }
clean=(env -i PATH=/usr/bin:/bin "HOME=$work" OMP_NUM_THREADS=1)

packages=${SNAPVIT_PACKAGES:-$work/packages}
if [[ -z "${SNAPVIT_PACKAGES:-}" ]]; then
  step "cpack"
  cpack --config "$build/CPackConfig.cmake" -B "$packages" >"$work/cpack.log" 2>&1 || { cat "$work/cpack.log" >&2; exit 1; }
fi

root=$work/root
for name in snapvit-libtorch snapvit-server snapvit-client libsnapvit-client-dev; do
  deb=("$packages/${name}"_*.deb)
  [[ -f "${deb[0]}" ]] || fail "there is no package $name in $packages"
  depends=$(dpkg-deb -f "${deb[0]}" Depends)
  step "$name: $(du -h "${deb[0]}" | cut -f1), depends on $depends"
  case $name in
    snapvit-server) grep -q "libgrpc++" <<<"$depends" && grep -q "snapvit-libtorch (=" <<<"$depends" ;;
    *) grep -q "lib" <<<"$depends" ;;
  esac || fail "$name lacks dependencies"
  dpkg-deb -x "${deb[0]}" "$root"
done

step "what is inside"
usr=$root/usr
for program in snapvit snapvit-server; do
  runpath=$(readelf -d "$usr/bin/$program" | sed -n 's/.*runpath: \[\(.*\)\]/\1/p')
  [[ "$runpath" == '$ORIGIN/../lib/snapvit/torch/lib' ]] || fail "$program looks for libraries in '$runpath'"
  loaded=$("${clean[@]}" ldd "$usr/bin/$program")
  ! grep "not found" <<<"$loaded" || fail "$program lacks libraries"
  grep -q "=> $usr/bin/../lib/snapvit/torch/lib/libtorch_cpu.so" <<<"$loaded" || fail "$program takes another LibTorch"
  grep -q "/cu13/lib/libcudart.so.13" <<<"$loaded" || fail "$program lacks libcudart.so.13"
  "${clean[@]}" "$usr/bin/$program" --version
  for form in man:man/man1/$program.1 bash:bash-completion/completions/$program zsh:zsh/site-functions/_$program \
    fish:fish/vendor_completions.d/$program.fish; do
    "${clean[@]}" "$usr/bin/$program" --manual "${form%%:*}" | cmp - "$usr/share/${form#*:}" || fail "$program: ${form#*:} is another one"
  done
done
version=$("${clean[@]}" "$usr/bin/snapvit-server" --version | cut -d' ' -f2)
grep -q "\"version\": \"$version\"" "$usr/share/doc/snapvit/sbom.cdx.json" || fail "the SBOM is not of version $version"
[[ ! -e "$here/deploy/systemd/snapvit-server.service" || -f "$usr/lib/systemd/system/snapvit-server.service" ]] ||
  fail "the systemd unit is missing"
for page in snapvit snapvit-server; do [[ -s "$usr/share/man/man1/$page.1" ]] || fail "$page has no manual page"; done
(cd "$usr/share/snapvit/proto" && protoc --descriptor_set_out=/dev/null snapvit/v1/*.proto inference/*.proto) ||
  fail "the installed .proto files do not compile"

step "the server"
"${clean[@]}" "$usr/bin/snapvit-server" --model "$here/tests/testdata/models/cls_token" --listen 127.0.0.1:0 --http 127.0.0.1:0 \
  --admin-listen 127.0.0.1:0 --cache-dir "$work/cache" --ready-file "$work/ready.json" --order-at-start never 2>"$work/server.log" &
server=$!
until [[ -f "$work/ready.json" ]]; do
  kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; fail "the server ended"; }
  sleep 0.1
done
target=$(python3 -c "import json; print(json.load(open('$work/ready.json'))['listen'])")
"${clean[@]}" "$usr/bin/snapvit" embed "$here/docs/example.jpg" --target "$target" --budget 0.5 --json | grep -q '"embedding"' ||
  fail "the command line got no embedding"

step "the client library"
cmake -S "$here/tests/e2e/consumer" -B "$work/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$usr" -DCMAKE_BUILD_TYPE=Release >"$work/consumer.log" 2>&1 &&
  cmake --build "$work/consumer" >>"$work/consumer.log" 2>&1 || { tail -40 "$work/consumer.log" >&2; fail "the consumer does not build"; }
[[ $("$work/consumer/consumer" "$target" "$here/docs/example.jpg") == 24 ]] || fail "the consumer got no embedding"

kill -TERM "$server"
wait "$server" || fail "the server ended with status $?"
server=
if [[ $EUID -ne 0 ]] || ! command -v debootstrap >/dev/null; then
  step "not installed by dpkg: that needs root, and debootstrap"
  exit 0
fi
step "a Debian of its own"
make_debian "$debian" "$work/debootstrap.log"
mkdir "$debian/packages"
cp "$packages"/*.deb "$debian/packages/"
cp -r "$here/tests/testdata/models/cls_token" "$here/docs/example.jpg" "$debian/packages/"
step "apt-get install"
in_debian "$debian" sh -c 'export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update && apt-get -qq install -y --no-install-recommends /packages/*.deb' >"$work/apt.log" 2>&1 ||
  { tail -20 "$work/apt.log" >&2; fail "apt did not install the packages"; }
names=(snapvit-server snapvit-client snapvit-libtorch libsnapvit-client-dev)
[[ -z $(in_debian "$debian" dpkg --audit) ]] || fail "dpkg finds faults in what it installed"
[[ -z $(in_debian "$debian" dpkg --verify "${names[@]}") ]] || fail "files are not as they were packed"
step "served as nobody"
in_debian "$debian" setpriv --reuid=65534 --regid=65534 --clear-groups sh -c '
  cd /tmp
  snapvit-server --model /packages/cls_token --listen 127.0.0.1:0 --http 127.0.0.1:0 --admin-listen 127.0.0.1:0 --cache-dir /tmp/cache \
    --ready-file /tmp/ready.json --order-at-start never 2>/tmp/server.log &
  until [ -f /tmp/ready.json ]; do kill -0 $! || { cat /tmp/server.log; exit 1; }; sleep 0.1; done
  target=$(sed -n "s/.*\"listen\": *\"\([^\"]*\)\".*/\1/p" /tmp/ready.json)
  snapvit embed /packages/example.jpg --target "$target" --budget 0.5 --json
  kill -TERM $! && wait $!' >"$work/reply.json" || { cat "$work/reply.json" >&2; fail "the installed programs do not work"; }
grep -q '"embedding"' "$work/reply.json" || { cat "$work/reply.json" >&2; fail "the installed command line got no embedding"; }
step "purge"
in_debian "$debian" apt-get -qq purge -y "${names[@]}" >"$work/apt.log" 2>&1 || { tail "$work/apt.log" >&2; fail "apt did not purge the packages"; }
left=$(find "$debian/usr" "$debian/etc" "$debian/var/lib/dpkg/info" -iname '*snapvit*' -o -iname '*libtorch*')
[[ -z "$left" ]] || fail "left behind: $left"
step "done"
