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


    def test_a_partition_ends_on_a_whole_4_mib_of_its_own(self):
        self.fact("sys/devices/vda/size", START + 253952 + 47_000)
        self.run_it()
        self.assertEqual(self.size(), 253952 + 40960)


class BootFile(unittest.TestCase):
    """When the boot partition is made writable, and what is started."""

    def run_it(self, statuses, remount=0, site="", wireless="", programs=()):
        """The programs that were run, and the status; `cairn` ends with one status after the other."""
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f"{folder}/bin")
            for index, status in enumerate(statuses):
                with open(f"{folder}/status{index}", "w") as file:
                    file.write(f"{status}\n")
            programs = {"cairn": f'n=$(cat {folder}/count 2>/dev/null || echo 0)\necho $((n + 1)) >{folder}/count\n'
                                 f'exit "$(cat {folder}/status$n)"',
                        "mount": f'case "$*" in *rw*) exit {remount} ;; esac', "sync": "", "systemctl": "", **dict(programs)}
            for name, body in programs.items():
                with open(f"{folder}/bin/{name}", "w") as file:
                    file.write(f'{SHELL}echo "{name} $*" >>{folder}/ran\n{body}\n')
                os.chmod(f"{folder}/bin/{name}", 0o755)
            for name, content in (("site.ini", site), ("wireless.conf", wireless)):
                with open(f"{folder}/{name}", "w") as file:
                    file.write(content)
            environment = dict(os.environ, PATH=f"{folder}/bin:/usr/bin:/bin", CAIRN_BOOT="/card", CAIRN_ETC=folder,
                               CAIRN_HOST_NAME=f"{folder}/none", CAIRN_PUBLIC_KEY=f"{folder}/none")
            ended = subprocess.run([f"{ROOT}/usr/lib/cairn-image/boot-file"], env=environment, capture_output=True,
                                   text=True)
            with open(f"{folder}/ran") as file:
                return file.read().splitlines(), ended

    def test_the_boot_partition_is_written_only_when_that_is_asked_for_and_closed_again(self):
        apply = "cairn boot-file apply /card"
        for status in (0, 69, 74, 78):
            ran, ended = self.run_it([status])
            self.assertEqual((ran, ended.returncode), ([apply], status))
        ran, ended = self.run_it([75, 0])
        self.assertEqual(ran, [apply, "mount -o remount,rw /card", apply, "sync -f /card", "mount -o remount,ro /card"])
        self.assertEqual(ended.returncode, 0)
        self.assertEqual(self.run_it([75, 78])[1].returncode, 78)

    def test_a_boot_partition_that_stays_read_only_is_told(self):
        ran, ended = self.run_it([75], remount=1)
        self.assertEqual((len(ran), ended.returncode), (2, 75))
        self.assertIn("can't be written", ended.stdout)

    def test_a_boot_partition_that_the_kernel_makes_read_only_at_the_first_write_is_told_and_closed(self):
        # As it does when the file system is damaged.
        ran, ended = self.run_it([75, 75])
        self.assertEqual((ran[-1], ended.returncode), ("mount -o remount,ro /card", 75))
        self.assertIn("can't be written", ended.stdout)

    def test_the_uplink_of_the_address_and_the_radio_of_the_network_are_started(self):
        for site, unit in (("url = mqtts://a\n", "mqtt"), ("[gateway]\nurl=https://a\n", "https"),
                           ("url\t=\thttps://a\n", "https"), ("url =\tmqtt://a\r\n", "mqtt")):
            self.assertEqual(self.run_it([0], site=site)[0][1:],
                             [f"systemctl --no-block start cairn-uplink-{unit}.service"])
        self.assertEqual(self.run_it([0], wireless="network={}")[0][1:],
                         ["systemctl --no-block start cairn-wireless.service"])


    def test_a_site_file_with_an_invite_is_for_the_node_s_programs_alone(self):
        for site, closed in (("[gateway]\n[enrolment]\nauthorization_first = AA\n", True),
                             ("[enrolment]\n\tauthorization_second=AA\n", True), ("[gateway]\nurl = x\n", False),
                             ("#authorization_first = AA\n", False)):
            ran, ended = self.run_it([0], site=site, programs={"chgrp": "", "chmod": ""})
            changes = [line.rsplit("/", 1)[0].rsplit(" ", 1)[0] + " " + line.rsplit("/", 1)[1] for line in ran
                       if line.startswith("ch")]
            # Its group first: a moment later it would be nobody's.
            self.assertEqual(changes, ["chgrp cairn site.ini", "chmod 640 site.ini"] if closed else [])

    def test_a_group_that_is_missing_closes_no_file(self):
        ran, _ = self.run_it([0], site="authorization_first = AA\n", programs={"chgrp": "exit 1", "chmod": ""})
        self.assertNotIn("chmod", " ".join(ran))


class Partitions(unittest.TestCase):
    """How the first program finds the partitions beside the root file system."""

    def test_boot_and_data_are_on_the_root_file_system_s_disk(self):
        with open(os.path.join(os.path.dirname(ROOT), "init")) as file:
            text = file.read()
        function = text[text.index("part() {"):text.index("boot=$(part 1)")]
        for root, boot, data in (("/dev/mmcblk0p2", "/dev/mmcblk0p1", "/dev/mmcblk0p4"),
                                 ("/dev/nvme0n1p3", "/dev/nvme0n1p1", "/dev/nvme0n1p4"),
                                 ("/dev/sda2", "/dev/sda1", "/dev/sda4"), ("/dev/vdb2", "/dev/vdb1", "/dev/vdb4"),
                                 ("/dev/sda", "", ""), ("/dev/mmcblk0", "", "")):
            said = subprocess.run(["sh", "-c", f"root={root}\n{function}\npart 1; part 4"], check=True,
                                  capture_output=True, text=True).stdout.split()
            self.assertEqual(said, [name for name in (boot, data) if name])

    def test_the_root_file_system_is_the_partition_of_that_number_on_the_disk_of_that_signature(self):
        with open(os.path.join(os.path.dirname(ROOT), "init")) as file:
            text = file.read()
        functions = text[text.index("disk_signature() {"):text.index("tries=0")]
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f"{folder}/dev")
            for disk, signature in (("mmcblk0", 0x0BADCAFE), ("sda", 0x12345678)):
                with open(f"{folder}/dev/{disk}", "wb") as file:
                    file.write(bytes(440) + signature.to_bytes(4, "little") + bytes(68))
                for number in (1, 2, 4):
                    part = f"{disk}p{number}" if disk[-1].isdigit() else f"{disk}{number}"
                    os.makedirs(f"{folder}/sys/block/{disk}/{part}")
                    with open(f"{folder}/sys/block/{disk}/{part}/partition", "w") as file:
                        file.write(f"{number}\n")
            functions = functions.replace("/sys/block", f"{folder}/sys/block").replace(
                'if="/dev/$1"', f'if="{folder}/dev/$1"')
            functions = "say() { echo $* >&2; }\n" + functions

            def find(wanted):
                return subprocess.run(["sh", "-c", f"wanted={wanted}\n{functions}\nfind_root"], capture_output=True, text=True)
            for wanted, found in (("PARTUUID=0badcafe-02", "/dev/mmcblk0p2"), ("PARTUUID=12345678-04", "/dev/sda4"),
                                  ("PARTUUID=0badcafe-03", ""), ("PARTUUID=0badcaff-02", ""), ("/dev/nowhere", "")):
                said = find(wanted)
                self.assertEqual((said.stdout.strip(), said.stderr), (found, ""), wanted)
            # Two cards of one image.
            with open(f"{folder}/dev/sda", "r+b") as file:
                file.seek(440)
                file.write((0x0BADCAFE).to_bytes(4, "little"))
            said = find("PARTUUID=0badcafe-02")
            self.assertEqual(said.stdout.strip(), "/dev/mmcblk0p2")
            self.assertIn("/dev/sda too: /dev/mmcblk0p2 is taken", said.stderr)


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
    def test_no_service_answers_for_names_in_the_local_network(self):
        # systemd-resolved would on port 5355, if nobody told it otherwise.
        with open(f"{ROOT}/etc/systemd/resolved.conf.d/cairn-image.conf") as file:
            lines = file.read().splitlines()
        for line in ("[Resolve]", "LLMNR=no", "MulticastDNS=no"):
            self.assertIn(line, lines)

    def test_only_what_root_runs_reads_the_passphrase_in_cairn_ini(self):
        with open(os.path.join(os.path.dirname(ROOT), "init")) as file:
            self.assertIn("boot/firmware; then", file.read())
        # A file of FAT has no mode of its own; a folder cairn-uplink-.service.d is for both uplinks.
        for unit in ("cairn-agent", "cairn-uplink-", "cairn-console@", "cairn-usb@"):
            with open(f"{ROOT}/usr/lib/systemd/system/{unit}.service.d/cairn-image.conf") as file:
                lines = file.read().splitlines()
            self.assertIn("InaccessiblePaths=-/boot/firmware/cairn.ini", lines[lines.index("[Service]"):])

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
