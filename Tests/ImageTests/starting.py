"""What runs on the board at its start, with disks and a sysfs of its own."""

import os
import subprocess
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "Boards/Image/root")
GROW = f"{ROOT}/usr/lib/cairn-image/grow-data"
START = 1843200
SHELL = "#!/bin/sh\n"


class Growing(unittest.TestCase):
    """A card of 2 GiB with a data partition of 124 MiB; partx makes known what the table says, as the kernel would."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.disk = f"{self.folder}/dev/vda"
        for name in ("dev", "bin", "sys/devices/vda/vda4", "sys/class/block"):
            os.makedirs(f"{self.folder}/{name}")
        with open(self.disk, "wb") as file:
            file.truncate(2 << 30)
        subprocess.run(["sfdisk", "--quiet", "--no-reread", self.disk], check=True, capture_output=True, text=True,
                       input="label: dos\nlabel-id: 0x12345678\n8192,262144,c,*\n270336,786432,83\n1056768,786432,83\n"
                             f"{START},253952,83\n")
        self.fact("sys/devices/vda/size", (2 << 30) // 512)
        self.fact("sys/devices/vda/vda4/partition", 4)
        self.fact("sys/devices/vda/vda4/start", START)
        self.fact("sys/devices/vda/vda4/size", 253952)
        for name in ("vda", "vda/vda4"):
            os.symlink(f"../../devices/{name}", f"{self.folder}/sys/class/block/{os.path.basename(name)}")
        self.program("findmnt", "echo /dev/vda4[/sub]")
        self.program("partx", f"sfdisk -d {self.disk} | sed -n 's/.*vda4.*size= *\\([0-9]*\\),.*/\\1/p' "
                              f">{self.folder}/sys/devices/vda/vda4/size; echo partx >>{self.folder}/ran")
        self.program("resize2fs", f"echo resize2fs >>{self.folder}/ran")
        self.program("sync", ":")

    def fact(self, name, value):
        with open(f"{self.folder}/{name}", "w") as file:
            file.write(f"{value}\n")

    def program(self, name, body):
        path = f"{self.folder}/bin/{name}"
        with open(path, "w") as file:
            file.write(SHELL + body + "\n")
        os.chmod(path, 0o755)

    def run_it(self):
        environment = dict(os.environ, PATH=f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                           CAIRN_SYS=f"{self.folder}/sys", CAIRN_DEV=f"{self.folder}/dev")
        return subprocess.run([GROW], env=environment, capture_output=True, text=True)

    def table(self):
        return subprocess.run(["sfdisk", "-d", self.disk], check=True, capture_output=True, text=True).stdout

    def size(self):
        with open(f"{self.folder}/sys/devices/vda/vda4/size") as file:
            return int(file.read())

    def ran(self):
        with open(f"{self.folder}/ran") as file:
            return file.read().split()

    def test_the_partition_takes_all_of_the_card_and_the_others_stay(self):
        before = self.table()
        ended = self.run_it()
        self.assertIn("grows from 124 to 1148 MiB", ended.stdout)
        self.assertEqual(self.size(), 2351104)
        self.assertEqual(before.replace("253952", "2351104").split(), self.table().split())
        self.assertEqual(self.ran(), ["partx", "resize2fs"])

    def test_a_second_start_writes_no_table(self):
        self.run_it()
        before = os.stat(self.disk).st_mtime_ns
        self.assertNotIn("grows", self.run_it().stdout)
        self.assertEqual(os.stat(self.disk).st_mtime_ns, before)

    def test_a_card_with_nothing_free_is_left_alone(self):
        self.fact("sys/devices/vda/size", START + 253952 + 32767)
        before = self.table()
        self.run_it()
        self.assertEqual(self.table(), before)

    def test_broken_off_at_each_step_the_next_start_ends_where_it_would_have(self):
        for step in ("sync", "partx", "resize2fs"):
            with self.subTest(step=step):
                self.setUp()
                with open(f"{self.folder}/bin/{step}") as file:
                    whole = file.read()
                self.program(step, "kill -KILL $PPID; exit 1")
                self.assertNotEqual(self.run_it().returncode, 0)
                with open(f"{self.folder}/bin/{step}", "w") as file:
                    file.write(whole)
                self.run_it()
                self.assertEqual(self.size(), 2351104)
                self.assertEqual(self.ran()[-1], "resize2fs")


    def test_a_file_system_that_does_not_grow_is_a_failure_with_its_reason(self):
        self.program("resize2fs", "echo the card is damaged >&2; exit 1")
        ended = self.run_it()
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("the card is damaged", ended.stdout)


class HostName(unittest.TestCase):
    """Which name the system gets, of host_name in cairn.ini, the key's id, or neither."""

    def name(self, wanted=None, kid=None):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (("wanted", wanted), ("key", kid)):
                if content is not None:
                    with open(f"{folder}/{name}", "w") as file:
                        file.write(content)
            with open(f"{folder}/cairn", "w") as file:
                file.write(f'{SHELL}echo \'{{"kid": "{kid}", "x": 1}}\'\n')
            os.chmod(f"{folder}/cairn", 0o755)
            environment = dict(os.environ, PATH=f"{folder}:/usr/bin:/bin", CAIRN_HOST_NAME=f"{folder}/wanted",
                               CAIRN_PUBLIC_KEY=f"{folder}/key", CAIRN_KERNEL_NAME=f"{folder}/set")
            subprocess.run([f"{ROOT}/usr/lib/cairn-image/host-name"], env=environment, check=True)
            if not os.path.exists(f"{folder}/set"):
                return None
            with open(f"{folder}/set") as file:
                return file.read()

    def test_the_one_in_cairn_ini_counts_before_the_key_s(self):
        self.assertEqual(self.name("roof", "a1b2c3d4e5"), "roof\n")
        self.assertEqual(self.name(None, "a1b2c3d4e5"), "cairn-a1b2c3\n")

    def test_without_either_the_image_s_own_stays(self):
        self.assertIsNone(self.name())
        self.assertIsNone(self.name(None, "no id"))

    def test_it_is_read_where_cairn_ini_s_is_written(self):
        # `cairn boot-file apply` writes beside the site file, which is /etc/cairn/site.ini on an image.
        with open(f"{ROOT}/usr/lib/cairn-image/host-name") as file:
            self.assertIn(":-/etc/cairn/host-name}", file.read())


class Units(unittest.TestCase):
    def test_units_name_programs_that_are_in_the_image(self):
        for name in os.listdir(f"{ROOT}/usr/lib/systemd/system"):
            path = f"{ROOT}/usr/lib/systemd/system/{name}"
            if not name.endswith(".service"):
                continue
            with open(path) as file:
                lines = file.read().splitlines()
            (program,) = [line.split("=", 1)[1].split()[0] for line in lines if line.startswith("ExecStart=")]
            if program.startswith("/usr/lib/cairn-image/"):
                self.assertTrue(os.access(ROOT + program, os.X_OK), program)
