#!/bin/sh
# Runs tests inside a root filesystem, in name spaces of its own (user, mounts, processes), where this process is root.
# Arguments: the root filesystem; the program of the emulator, or nothing; the magic and the mask of the target's programs
# for it (Documentation/admin-guide/binfmt-misc.rst), the tests.
set -eu
root=$1 emulator=$2 magic=$3 mask=$4
shift 4
mount --make-rprivate /
if [ -n "$emulator" ]; then
    # Of this name space of users alone (Linux 6.7), and for as long as it is mounted; F: the program is opened now, so
    # it is not looked for in there.
    mkdir "$root/dev/binfmt"
    mount -t binfmt_misc binfmt_misc "$root/dev/binfmt"
    printf ':crosscourse:M::%s:%s:%s:F' "$magic" "$mask" "$emulator" >"$root/dev/binfmt/register"
fi
for node in null zero urandom random; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
mount -t proc proc "$root/proc"
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root USER=root LC_ALL=C.UTF-8 \
    chroot "$root" "$@"
