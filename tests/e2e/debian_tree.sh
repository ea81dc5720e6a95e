# A bare Debian 12 to change root into; to be sourced. As root, with debootstrap. What this host needs to reach package servers goes
# into the tree from here, never from product scripts: its resolv.conf, its own certificate authorities, and pip's and apt's
# configuration if SNAPVIT_CLEAN_COPY names those files. A mirror of Debian: SNAPVIT_CLEAN_MIRROR.

# make_debian ROOT LOG
make_debian() {
  local root=$1 log=$2 file
  mkdir -p "$root"
  debootstrap --variant=minbase bookworm "$root" ${SNAPVIT_CLEAN_MIRROR:-} >"$log" 2>&1 || { tail -5 "$log" >&2; return 1; }
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  mkdir -p "$root/usr/local/share/ca-certificates"
  cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
  for file in ${SNAPVIT_CLEAN_COPY:-}; do install -D -m 644 "$file" "$root$file"; done
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev"
}

# in_debian ROOT COMMAND …
in_debian() { env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 chroot "$@"; }

# Before the tree is removed. leave_debian ROOT
leave_debian() { umount -R "$1/proc" "$1/dev" 2>/dev/null || true; }
