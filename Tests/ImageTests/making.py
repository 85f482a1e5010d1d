"""Partition table, dpkg's records, and the choice of modules."""

import os
import struct
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import disk
import modules
import unpack

BOARDS = os.path.join(os.path.dirname(os.path.abspath(disk.__file__)))
MEBIBYTE = 1 << 20


class Table(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def partition(self, name, size, content):
        path = f"{self.folder}/{name}"
        with open(path, "wb") as file:
            file.truncate(size)
            file.seek(size - len(content))
            file.write(content)
        return path

    def make(self):
        paths = [self.partition(name, size, name.encode() * 9)
                 for name, size in (("boot", 3 * MEBIBYTE), ("root", 5 * MEBIBYTE), ("data", 2 * MEBIBYTE))]
        disk.main(f"{self.folder}/disk.img", "0badcafe", *paths)
        with open(f"{self.folder}/disk.img", "rb") as file:
            return file.read(), paths

    def test_partitions_lie_behind_each_other_with_room_for_a_second_root(self):
        image, _ = self.make()
        rows = [struct.unpack("<B3sB3sII", image[446 + 16 * index:462 + 16 * index]) for index in range(4)]
        self.assertEqual([(row[0], row[2], row[4] // 2048, row[5] // 2048) for row in rows],
                         [(0x80, 0x0C, 4, 3), (0, 0x83, 7, 5), (0, 0x83, 12, 5), (0, 0x83, 17, 2)])
        self.assertEqual((image[510:512], image[440:444], len(image)), (b"\x55\xaa", b"\xfe\xca\xad\x0b", 19 * MEBIBYTE))

    def test_each_partition_is_what_its_file_was_and_room_is_empty(self):
        image, paths = self.make()
        for path, start in zip(paths, (4, 7, 17)):
            with open(path, "rb") as file:
                content = file.read()
            self.assertEqual(image[start * MEBIBYTE:start * MEBIBYTE + len(content)], content)
        self.assertEqual(image[12 * MEBIBYTE:17 * MEBIBYTE].count(0), 5 * MEBIBYTE)

    def test_a_write_that_takes_a_part_only_is_no_image(self):
        whole = os.pwrite

        def some(file, piece, at):
            return whole(file, piece[:len(piece) // 2], at)

        with mock.patch.object(os, "pwrite", some), self.assertRaises(SystemExit) as caught:
            self.make()
        self.assertIn("disk.img", str(caught.exception))

    def test_a_partition_of_no_whole_mebibyte_is_refused(self):
        odd = self.partition("odd", MEBIBYTE + 512, b"x")
        with self.assertRaises(SystemExit):
            disk.main(f"{self.folder}/disk.img", "0badcafe", odd, odd, odd)


class Unpacking(unittest.TestCase):
    def test_dpkg_takes_what_was_unpacked_for_its_own(self):
        with tempfile.TemporaryDirectory() as folder:
            package = f"{folder}/package"
            for name, content in (("DEBIAN/control", "Package: sample\nVersion: 1\nArchitecture: arm64\nMulti-Arch: same\n"
                                   "Maintainer: nobody <a@b.invalid>\nDescription: a sample\n"),
                                  ("DEBIAN/conffiles", "/etc/sample\n"), ("etc/sample", "a\n"), ("lib/sample", "b\n"),
                                  ("usr/share/man/man1/sample.1", "c\n")):
                os.makedirs(os.path.dirname(f"{package}/{name}"), exist_ok=True)
                with open(f"{package}/{name}", "w") as file:
                    file.write(content)
            subprocess.run(["dpkg-deb", "--root-owner-group", "--build", package, f"{folder}/sample.deb"], check=True,
                           capture_output=True)
            root = f"{folder}/root"
            unpack.main(root, [f"{folder}/sample.deb"])
            self.assertTrue(os.path.islink(f"{root}/lib"))
            self.assertTrue(os.path.exists(f"{root}/usr/lib/sample"))
            self.assertFalse(os.path.exists(f"{root}/usr/share/man/man1/sample.1"))
            asked = subprocess.run(
                ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", "${Status} ${Package} ${Conffiles}"],
                check=True, capture_output=True, text=True).stdout
            self.assertEqual(asked.split(), ["install", "ok", "unpacked", "sample", "/etc/sample",
                                             "60b725f10c9c85c70d97880dfe8191b3"])
            listed = subprocess.run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-L", "sample:arm64"], check=True,
                                    capture_output=True, text=True).stdout.split()
            self.assertIn("/etc/sample", listed)

    def test_a_damaged_package_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/bad.deb", "wb") as file:
                file.write(b"!<arch>\nnothing")
            with self.assertRaises((SystemExit, subprocess.CalledProcessError)):
                unpack.main(f"{folder}/root", [f"{folder}/bad.deb"])


    def test_a_package_whose_end_dpkg_refuses_is_refused_though_tar_has_read_it(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f"{folder}/bin")
            with open(f"{folder}/bin/dpkg-deb", "w") as file:
                file.write("#!/bin/sh\ntar -c --files-from /dev/null\nexit 2\n")
            os.chmod(f"{folder}/bin/dpkg-deb", 0o755)
            path = f"{folder}/bin:{os.environ['PATH']}"
            with mock.patch.dict(os.environ, PATH=path), self.assertRaises(SystemExit) as caught:
                unpack.main(f"{folder}/root", [f"{folder}/bad.deb"])
            self.assertIn("is damaged", str(caught.exception))


class Finishing(unittest.TestCase):
    def test_what_the_image_adds_is_readable_for_all_whatever_the_umask_of_who_makes_it(self):
        with open(f"{BOARDS}/finish.sh") as file:
            (line,) = [line for line in file if "payload/root" in line]
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f"{folder}/run/stage/payload/root/etc", 0o700)
            os.makedirs(f"{folder}/to/etc", 0o755)
            for name, mode in (("fstab", 0o600), ("program", 0o700)):
                path = f"{folder}/run/stage/payload/root/etc/{name}"
                open(path, "w").close()
                os.chmod(path, mode)
            for name in ("", "/etc"):
                os.chmod(f"{folder}/run/stage/payload/root{name}", 0o700)
            line = line.replace("/run/stage", f"{folder}/run/stage").replace("-C / ", f"-C {folder}/to -p ")
            subprocess.run(["sh", "-c", line], check=True)
            modes = [os.stat(f"{folder}/to/{name}").st_mode & 0o777 for name in ("", "etc", "etc/fstab", "etc/program")]
            self.assertEqual(modes, [0o755, 0o755, 0o644, 0o755])


class DeviceTree(unittest.TestCase):
    """What device-tree.sh adds to a tree of the kernel."""

    SAMPLE = """/dts-v1/;
/ {
  aliases { serial1 = "/soc/serial@7e215040"; };
  soc {
    #address-cells = <1>;
    #size-cells = <1>;
    serial@7e215040 { reg = <0x7e215040 0x40>; };
    i2c@7e205000 { reg = <0x7e205000 0x200>; };
    i2c@7e804000 { reg = <0x7e804000 0x1000>; };
    gpio@7e200000 { reg = <0x7e200000 0xb4>; #gpio-cells = <2>; spi0_gpio7 { phandle = <7>; }; };
    spi@7e204000 { reg = <0x7e204000 0x200>; #address-cells = <1>; #size-cells = <0>; status = "disabled"; };
  };
};
"""

    def test_spi_is_on_and_the_header_s_i2c_bus_is_number_1(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/from.dts", "w") as file:
                file.write(self.SAMPLE)
            subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", f"{folder}/from.dtb", f"{folder}/from.dts"],
                           check=True)
            subprocess.run([f"{BOARDS}/device-tree.sh", f"{folder}/from.dtb", f"{folder}/to.dtb"], check=True)

            def value(node, name):
                return subprocess.run(["fdtget", f"{folder}/to.dtb", node, name], check=True, capture_output=True,
                                      text=True).stdout.strip()

            self.assertEqual(value("/soc/spi@7e204000", "status"), "okay")
            self.assertEqual(value("/soc/spi@7e204000/spidev@1", "reg"), "1")
            self.assertEqual(value("/aliases", "i2c1"), "/soc/i2c@7e804000")
            self.assertEqual(value("/aliases", "i2c0"), "/soc/i2c@7e205000")
            self.assertEqual(value("/aliases", "serial1"), "/soc/serial@7e215040")


class Fetching(unittest.TestCase):
    """What is said when Debian's packages can't be had, by an apt that has nothing."""

    def fetch(self, update="exit 0", lacking="none", lists=False, kept=()):
        with tempfile.TemporaryDirectory() as folder:
            programs = {"apt-get": f'case "$*" in *update*) {update} ;; esac',
                        "apt-cache": 'case "$*" in *depends*) echo "  Depends: linux-image-6.1" ;; '
                                     f'*{lacking}) ;; *) echo "  Candidate: 1" ;; esac'}
            os.makedirs(f"{folder}/bin")
            for name, body in programs.items():
                with open(f"{folder}/bin/{name}", "w") as file:
                    file.write(f"#!/bin/sh\n{body}\n")
                os.chmod(f"{folder}/bin/{name}", 0o755)
            if lists:
                os.makedirs(f"{folder}/image/apt/lists")
                open(f"{folder}/image/apt/lists/mirror_Packages", "w").close()
            os.makedirs(f"{folder}/image/boot-packages")
            for name in kept:
                with open(f"{folder}/image/boot-packages/{name}", "w") as file:
                    file.write("1\n")
            ended = subprocess.run([f"{BOARDS}/fetch.sh", f"{folder}/image"], capture_output=True, text=True,
                                   env=dict(os.environ, PATH=f"{folder}/bin:{os.environ['PATH']}"))
            ended.left = [name for name in kept if os.path.exists(f"{folder}/image/boot-packages/{name}")]
            return ended

    def test_without_a_network_the_mirror_is_named(self):
        ended = self.fetch(update="echo no route >&2; exit 100")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("no route", ended.stderr)
        self.assertIn("package lists can't be had from", ended.stderr)

    def test_without_a_network_the_lists_of_the_last_time_serve(self):
        ended = self.fetch(update="exit 100", lists=True)
        self.assertEqual((ended.returncode, len(ended.stdout.strip())), (0, 32), ended.stderr)
        self.assertIn("package lists of the last time", ended.stderr)

    def test_a_kernel_of_an_earlier_version_goes(self):
        # Two of them would be unpacked into one folder, and either could be the image's.
        ended = self.fetch(kept=("linux-image-6.0_1_arm64.deb", "linux-image-6.0.version"))
        self.assertEqual((ended.returncode, ended.left), (0, []), ended.stderr)
        # What is up to date stays.
        ended = self.fetch(kept=("linux-image-6.1_1_arm64.deb", "linux-image-6.1.version"))
        self.assertEqual(len(ended.left), 2, ended.stderr)

    def test_without_firmware_there_is_no_image_and_the_way_without_one_is_named(self):
        ended = self.fetch(lacking="raspi-firmware")
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertIn("no package raspi-firmware", ended.stderr)
        self.assertIn("docs/installing.md", ended.stderr)
        self.assertEqual(self.fetch().returncode, 0)

    def test_a_board_without_an_image_is_refused_before_anything_is_made(self):
        for board, reason in (("", "no image for"), ("../x", "no image for"), ("raspberry-pi-5", "no device tree")):
            ended = subprocess.run([f"{BOARDS}/image.sh", board, "check"], capture_output=True, text=True)
            self.assertEqual(ended.returncode, 64)
            self.assertIn(reason, ended.stderr)
        self.assertEqual(subprocess.run([f"{BOARDS}/image.sh", "raspberry-pi-4", "check"]).returncode, 0)


class Modules(unittest.TestCase):
    def test_what_a_module_needs_comes_with_it_and_what_nobody_names_stays(self):
        with tempfile.TemporaryDirectory() as folder:
            base = f"{folder}/tree/lib/modules/6.1/kernel"
            for path, needs in (("drivers/i2c/a-b.ko", "c"), ("drivers/c.ko", "d,e_f"), ("d.ko", ""), ("e-f.ko", ""),
                                ("drivers/other/x.ko", ""), ("drivers/i2c/out.ko", "")):
                os.makedirs(os.path.dirname(f"{base}/{path}"), exist_ok=True)
                with open(f"{base}/{path}", "wb") as file:
                    file.write(b"\x7fELF\0depends=" + needs.encode() + b"\0name=x\0")
            for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
                open(f"{folder}/tree/lib/modules/6.1/{name}", "w").close()
            with open(f"{folder}/list", "w") as file:
                file.write("# a comment\ndrivers/i2c/\n-out\n")
            modules.main(f"{folder}/tree", "6.1", f"{folder}/list", f"{folder}/to")
            taken = {name for _, _, names in os.walk(f"{folder}/to") for name in names if name.endswith(".ko")}
            self.assertEqual(taken, {"a-b.ko", "c.ko", "d.ko", "e-f.ko"})


class Sources(unittest.TestCase):
    def test_every_script_is_one_that_its_shell_understands(self):
        for folder, _, names in os.walk(BOARDS):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    head = file.readline()
                if head.startswith(b"#!") and b"python" not in head or name in ("configure.sh", "finish.sh"):
                    shell = "bash" if b"bash" in head else "sh"
                    subprocess.run([shell, "-n", path], check=True)
                elif name.endswith(".py"):
                    with open(path) as file:
                        compile(file.read(), path, "exec")

    def test_boards_without_an_image_are_refused_with_what_serves_there(self):
        for board, word in (("raspberry-pi-5", "docs/image.md"), ("orange-pi-zero-3", "docs/image.md"),
                            ("toaster", "raspberry-pi-4"), ("", "raspberry-pi-4")):
            ended = subprocess.run([f"{BOARDS}/image.sh", board], capture_output=True, text=True)
            self.assertEqual(ended.returncode, 64)
            self.assertIn(word, ended.stderr)


if __name__ == "__main__":
    sys.exit("selftest.py runs this")
