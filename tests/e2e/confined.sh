#!/bin/sh
# A server without rights: as nobody, without capabilities, on a file system that it cannot write.
# Needs root and unshare(1), setpriv(1), mount(8): without them it ends with 77 (skipped).
#   confined.sh SNAPVIT_SERVER SNAPVIT [SERVER FLAGS…]
set -eu
if [ "${1:-}" != --inside ]; then
  for tool in unshare setpriv mount; do
    command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
  done
  [ "$(id -u)" = 0 ] || { echo "skipped: not root"; exit 77; }
  unshare --mount true 2>/dev/null || { echo "skipped: no mount namespaces here"; exit 77; }
  exec unshare --mount --propagation private "$0" --inside "$@"
fi
shift
server=$1
client=$2
shift 2

# Everything is read-only but one small folder, for the ready file and the log.
writable=/mnt
mount -t tmpfs -o size=4m,mode=0777 tmpfs $writable
awk '$2 != "/mnt" { print $2 }' /proc/mounts | while read -r at; do
  mount -o remount,bind,ro "$at" 2>/dev/null || true
done
nobody="setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all"
if $nobody touch /tmp/confined 2>/dev/null; then
  echo "skipped: /tmp cannot be made read-only here"
  exit 77
fi

HOME=/nonexistent $nobody "$server" --listen 127.0.0.1:0 --http 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
  --ready-file $writable/ready.json "$@" >$writable/log 2>&1 &
pid=$!
trap 'kill -9 $pid 2>/dev/null || true' EXIT
while [ ! -s $writable/ready.json ]; do
  kill -0 $pid 2>/dev/null || { cat $writable/log; echo "the server has ended"; exit 1; }
  sleep 0.1
done
[ "$(awk '/^Uid:/ { print $2 }' /proc/$pid/status)" = "$(id -u nobody)" ]
[ "$(awk '/^CapEff:/ { print $2 }' /proc/$pid/status)" = 0000000000000000 ]
target=$(sed 's/.*"listen": "\([^"]*\)".*/\1/' $writable/ready.json)
images=$(dirname "$0")/../testdata/images/decode
$nobody "$client" embed "$images/grey.jpg" --target "$target" >/dev/null
kill -TERM $pid
wait $pid
trap - EXIT
if grep -q 'level=error' $writable/log; then
  cat $writable/log
  exit 1
fi
echo "served as nobody, read-only"
