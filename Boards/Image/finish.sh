# Runs within the machine in which packages are configured, last: the node's own packages, and what makes an image of
# a Debian system.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
cd /
mkdir -p /data /boot/firmware /etc/cairn /var/lib/cairn
dpkg --install /run/stage/payload/*.deb </dev/null
# The modes are not those that the umask of whoever made it has left.
(cd /run/stage/payload/root && tar -c --mode=u=rwX,go=rX .) | tar -x -C / --no-same-owner --keep-directory-symlink
chmod 755 /usr/lib/cairn-image/* /usr/lib/systemd/system-generators/*

# Nobody logs in, and nothing listens: the console of cairn is on the serial line.
systemctl mask getty@.service serial-getty@.service console-getty.service \
  systemd-networkd-wait-online.service e2scrub_all.timer e2scrub_reap.service apt-daily.timer \
  apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer systemd-pstore.service systemd-journal-flush.service \
  proc-sys-fs-binfmt_misc.automount systemd-binfmt.service
mkdir -p /etc/systemd/system-generators
ln -sf /dev/null /etc/systemd/system-generators/systemd-getty-generator
systemctl enable systemd-networkd.service systemd-resolved.service systemd-timesyncd.service
systemctl enable cairn-boot-file.service cairn-grow-data.service cairn-identity.service
# Which uplink runs, the gateway's address decides, and wireless is there when it is asked for.
systemctl disable wpa_supplicant.service cairn-uplink-https.service cairn-uplink-mqtt.service

# What no two boards may share, and what was needed for making it only.
: >/etc/machine-id
ln -sf /etc/machine-id /var/lib/dbus/machine-id
rm -f /var/lib/systemd/random-seed /var/cache/apt/*.bin /var/lib/dpkg/*-old
rm -f /var/log/*.log /var/log/apt/* /etc/resolv.conf /etc/fstab.orig
ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
