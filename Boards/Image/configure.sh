# Runs within the machine in which packages are configured, as its only program, after Debian's packages were unpacked.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
cd /
ldconfig
# What dpkg would have run before it unpacked: users and groups come into being there.
for name in base-passwd $(cd /var/lib/dpkg/info && ls *.preinst | sed 's/\.preinst$//'); do
  DPKG_MAINTSCRIPT_PACKAGE=${name%:*} DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_ARCH=arm64 \
    DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 "/var/lib/dpkg/info/$name.preinst" install </dev/null
done
dpkg --configure --pending --force-confnew </dev/null
depmod "$(ls /usr/lib/modules)"
