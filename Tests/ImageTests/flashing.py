"""make flash, with cards that are files and a sysfs that is a folder."""

import contextlib
import hashlib
import io
import os
import tempfile
import unittest
from unittest import mock

import flash

CARD = "devices/pci0/usb1/1-1/host0/block/sdz"
DISK = "devices/pci0/ata1/host1/block/sda"
SOLDERED = "devices/platform/mmc0/mmc0:0001/block/mmcblk9"
READER = "devices/platform/mmc1/mmc1:aaaa/block/mmcblk8"


class Flashing(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)
        self.image = self.file("cairn.img", os.urandom(5 << 20) + bytes(1 << 20))
        self.record(self.image)
        self.machine = flash.Machine()
        self.machine.sysfs = os.path.join(self.folder, "sys")
        self.machine.mountinfo = self.file("mountinfo", b"22 1 8:2 / / rw - ext4 /dev/sda2 rw\n")
        self.machine.swaps = self.file("swaps", b"Filename Type Size Used Priority\n")
        self.machine.is_block_device = lambda path: os.path.dirname(path) == os.path.join(self.folder, "dev")
        # A file has no number; here it has that of the card.
        self.machine.number = lambda device: "8:16"
        self.disk(CARD, "8:16", removable="1", size=8 << 20, partitions=2)
        self.asked = []

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def record(self, image):
        with open(image, "rb") as file:
            self.file(os.path.basename(image) + ".sha256", f"{hashlib.sha256(file.read()).hexdigest()}  x\n".encode())

    def disk(self, where, number, removable="0", size=8 << 20, partitions=0, kind="", read_only="0"):
        name = os.path.basename(where)
        inside = {"dev": number, "removable": removable, "size": str(size // 512), "ro": read_only,
                  "device/model": "Storage", "device/type": kind}
        for index in range(1, partitions + 1):
            part = f"{name}p{index}" if name[-1].isdigit() else f"{name}{index}"
            inside |= {f"{part}/partition": str(index), f"{part}/size": "2048",
                       f"{part}/dev": number.split(":")[0] + ":" + str(int(number.split(":")[1]) + index)}
            os.makedirs(os.path.join(self.folder, "sys/class/block"), exist_ok=True)
            os.symlink(os.path.join(self.folder, "sys", where, part), os.path.join(self.folder, "sys/class/block", part))
        for entry, content in inside.items():
            self.file(os.path.join("sys", where, entry), content.encode())
        os.makedirs(os.path.join(self.folder, "sys/class/block"), exist_ok=True)
        os.symlink(os.path.join(self.folder, "sys", where), os.path.join(self.folder, "sys/class/block", name))
        self.file(f"dev/{name}", b"\xee" * size)

    def flash(self, name="sdz", image=None, answer=None):
        def ask(question):
            self.asked.append(question)
            return name if answer is None else answer

        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            flash.flash(image or self.image, os.path.join(self.folder, "dev", name), self.machine, ask)
        return said.getvalue()

    def card(self, name="sdz"):
        with open(os.path.join(self.folder, "dev", name), "rb") as file:
            return file.read()

    def assert_refused(self, reason, name="sdz", **how):
        before = self.card(name) if os.path.exists(os.path.join(self.folder, "dev", name)) else None
        with self.assertRaises(flash.Refused) as caught:
            self.flash(name, **how)
        self.assertIn(reason, str(caught.exception))
        if before is not None:
            self.assertEqual(self.card(name), before, "something was written all the same")

    def test_an_image_is_on_the_card_and_nothing_behind_it_is_touched(self):
        self.assertIn("read back", self.flash())
        with open(self.image, "rb") as file:
            image = file.read()
        self.assertEqual(self.card()[:len(image)], image)
        self.assertEqual(self.card()[len(image):], b"\xee" * (2 << 20))

    def test_what_will_be_lost_is_shown_before_the_name_is_asked_for(self):
        said = self.flash()
        for word in ("Storage", "8 MB", "sdz1", "sdz2", "will be lost"):
            self.assertIn(word, said)
        self.assertEqual(self.asked, ["Type sdz to overwrite it: "])

    def test_a_disk_that_is_one_file_system_and_one_that_is_no_card_s_are_told_by_name(self):
        for at, mark, name in ((3, b"NTFS    ", "NTFS"), (3, b"EXFAT   ", "exFAT"), (0, b"LUKS\xba\xbe", "LUKS"),
                               (82, b"FAT32", "FAT32")):
            head = bytearray(8 << 20)
            head[at:at + len(mark)] = mark
            self.file("dev/sdz", head)
            self.file("dev/sdz2", head)
            lines = self.flash().splitlines()
            self.assertTrue(lines[1].startswith("  Storage, 8 MB") and name in lines[1], lines)
            self.assertTrue(lines[3].startswith("  sdz2") and name in lines[3], lines)

    def test_another_answer_than_the_name_writes_nothing(self):
        for answer in ("", "y", "yes", "sda", "/dev/sdz"):
            self.assert_refused("not confirmed", answer=answer)

    def test_a_disk_that_is_not_removable_is_refused(self):
        self.disk(DISK, "8:0", partitions=2)
        self.assert_refused("not removable", "sda")

    def test_a_usb_stick_that_says_it_is_not_removable_is_taken_all_the_same(self):
        self.disk("devices/pci0/usb1/1-2/host2/block/sdy", "8:32", partitions=1)
        self.machine.number = lambda device: "8:32"
        self.assertIn("read back", self.flash("sdy"))

    def test_a_card_in_a_reader_that_is_on_no_usb_and_says_it_is_removable_is_taken(self):
        self.disk("devices/pci0/card/host4/block/sdw", "8:64", removable="1")
        self.machine.number = lambda device: "8:64"
        self.assertIn("read back", self.flash("sdw"))

    def test_a_card_that_became_read_only_while_the_question_stands_is_refused(self):
        before = self.card()
        with contextlib.redirect_stdout(io.StringIO()), self.assertRaises(flash.Refused) as caught:
            flash.flash(self.image, f"{self.folder}/dev/sdz", self.machine,
                        lambda _: self.file(f"sys/{CARD}/ro", b"1") and "sdz")
        self.assertIn("read only", str(caught.exception))
        self.assertEqual(self.card(), before)

    def test_a_card_of_the_image_s_very_size_is_large_enough(self):
        self.disk("devices/pci0/usb1/1-3/host3/block/sdx", "8:48", removable="1", size=6 << 20)
        self.machine.number = lambda device: "8:48"
        self.assertIn("read back", self.flash("sdx"))

    def test_a_write_that_takes_a_part_only_is_gone_on_with_behind_it(self):
        whole = os.pwrite

        def some(device, piece, at):
            return whole(device, piece[:max(1, len(piece) * 2 // 3)], at)

        with mock.patch.object(os, "pwrite", some):
            self.assertIn("read back", self.flash())
        with open(self.image, "rb") as file:
            image = file.read()
        self.assertEqual(self.card()[:len(image)], image)

    def test_soldered_memory_is_refused_and_a_card_in_a_reader_of_the_board_is_not(self):
        self.disk(SOLDERED, "179:0", kind="MMC")
        self.assert_refused("soldered", "mmcblk9")
        self.disk(READER, "179:8", kind="SD", partitions=1)
        self.machine.number = lambda device: "179:8"
        self.flash("mmcblk8")

    def test_a_partition_is_refused_with_the_name_of_its_disk(self):
        self.file("dev/sdz1", b"")
        self.assert_refused("is a partition: an image is for the whole card, /dev/sdz", "sdz1")

    def test_a_disk_with_something_mounted_is_refused_by_number_and_by_name(self):
        for line in ("30 1 8:17 / /media/x rw - vfat /dev/sdz1 rw\n", "30 1 8:16 / /mnt rw - ext4 /dev/disk/by-id/x rw\n",
                     f"30 1 0:40 / /mnt rw - btrfs {self.folder}/dev/sdz2 rw\n"):
            self.file("mountinfo", line.encode())
            self.assert_refused("is mounted on")

    def test_a_disk_that_is_swapped_to_or_held_by_another_is_refused(self):
        self.file("swaps", f"Filename Type\n{self.folder}/dev/sdz2 partition\n".encode())
        self.assert_refused("is swapped to")
        self.file("swaps", b"Filename Type\n")
        self.file(f"sys/{CARD}/sdz2/holders/dm-0", b"")
        self.assert_refused("in use by dm-0")

    def test_cards_that_are_too_small_read_only_absent_or_no_cards_are_refused(self):
        self.file(f"sys/{CARD}/size", b"8192")
        self.assert_refused("take a larger card")
        self.file(f"sys/{CARD}/size", b"0")
        self.assert_refused("no card in the reader")
        self.file(f"sys/{CARD}/size", str(4 << 31).encode())
        self.assert_refused("that is no card")
        self.file(f"sys/{CARD}/size", str((8 << 20) // 512).encode())
        self.file(f"sys/{CARD}/ro", b"1")
        self.assert_refused("read only")

    def test_a_file_and_a_device_that_is_not_there_are_refused(self):
        with self.assertRaises(flash.Refused):
            flash.flash(self.image, self.image, self.machine, input)
        self.assert_refused("lsblk", "sdq")

    def test_an_image_cut_short_or_changed_or_without_its_hash_is_refused(self):
        with open(self.image, "r+b") as file:
            file.truncate((6 << 20) - 1)
        self.assert_refused("cut short or damaged")
        os.remove(self.image + ".sha256")
        self.assert_refused("make image")
        self.file("cairn.img.sha256", b"")
        self.assert_refused("make image")

    def test_an_image_that_is_empty_or_whose_hash_is_no_text_is_refused(self):
        self.file("cairn.img.sha256", b"\xff\xfe\n")
        self.assert_refused("cut short or damaged")
        empty = self.file("empty.img", b"")
        self.record(empty)
        self.assert_refused("is empty", image=empty)

    def test_another_disk_under_the_card_s_name_by_the_time_of_the_answer_is_refused(self):
        for name, content in (("diskseq", b"77"), ("device/cid", b"27"), ("size", b"12345678"),
                              ("device/model", b"Backup"), ("dev", b"8:32")):
            with self.subTest(name=name):
                self.setUp()
                before = self.card()
                with contextlib.redirect_stdout(io.StringIO()), self.assertRaises(flash.Refused) as caught:
                    flash.flash(self.image, f"{self.folder}/dev/sdz", self.machine,
                                lambda _: self.file(f"sys/{CARD}/{name}", content) and "sdz")
                self.assertIn("another disk", str(caught.exception))
                self.assertEqual(self.card(), before)

    def test_a_device_of_another_number_behind_the_name_is_refused(self):
        self.machine.number = lambda device: "8:0"
        self.assert_refused("another disk")

    def test_what_is_mounted_while_the_question_stands_is_refused(self):
        before = self.card()
        with contextlib.redirect_stdout(io.StringIO()), self.assertRaises(flash.Refused) as caught:
            flash.flash(self.image, f"{self.folder}/dev/sdz", self.machine,
                        lambda _: self.file("mountinfo", b"30 1 8:17 / /m\xe4 rw - vfat /dev/sdz1 rw\n") and "sdz")
        self.assertIn("is mounted on", str(caught.exception))
        self.assertEqual(self.card(), before)

    def test_a_disk_that_somebody_holds_where_it_is_not_seen_is_refused(self):
        opened = os.open

        def busy(path, flags, *more, **named):
            if flags & os.O_EXCL:
                raise OSError(16, "Device or resource busy", path)
            return opened(path, flags, *more, **named)

        with mock.patch.object(os, "open", busy):
            self.assert_refused("is in use")

    def test_an_image_that_changes_while_it_is_written_is_told_and_blames_no_card(self):
        whole = flash.write_all

        def shrinking(device, piece, at):
            os.truncate(self.image, 5 << 20)
            whole(device, piece, at)

        with open(self.image, "rb") as file:
            table = file.read(512)
        with mock.patch.object(flash, "write_all", shrinking), self.assertRaises(flash.Refused) as caught:
            self.flash()
        self.assertIn("changed while it was written", str(caught.exception))
        self.assertNotEqual(self.card()[:512], table)

    def test_an_image_of_the_same_size_that_changes_while_it_is_written_leaves_no_partitions(self):
        whole = flash.write_all

        def changing(device, piece, at):
            self.file("cairn.img", bytes(6 << 20))
            whole(device, piece, at)

        with open(self.image, "rb") as file:
            table = file.read(512)
        with mock.patch.object(flash, "write_all", changing), self.assertRaises(flash.Refused) as caught:
            self.flash()
        self.assertIn("changed while it was written", str(caught.exception))
        self.assertNotEqual(self.card()[:512], table)

    def test_what_a_card_says_of_itself_moves_no_cursor(self):
        self.file(f"sys/{CARD}/device/model", "Sto\x1b[2Jrage\x9b1m".encode())
        ext4 = bytearray(2048)
        ext4[1024 + 56:1024 + 58], ext4[1024 + 120:1024 + 136] = b"\x53\xef", b"data\x1b[31m\r\x07\x00\x00\x00\x00\x00"
        self.file("dev/sdz1", bytes(ext4))
        fat = bytearray(2048)
        fat[82:87], fat[71:82] = b"FAT32", b"CA\x1bcIRN    "
        self.file("dev/sdz2", bytes(fat))
        said = self.flash()
        self.assertTrue(all(sign.isprintable() or sign == "\n" for sign in said), repr(said))
        self.assertIn("ext4 data.[31m", said)
        self.assertIn("FAT32 CA.cIRN", said)

    def test_a_link_to_a_card_is_its_card_and_a_link_to_a_disk_is_none(self):
        os.makedirs(f"{self.folder}/by-id")
        os.symlink(f"{self.folder}/dev/sdz", f"{self.folder}/by-id/card")
        with contextlib.redirect_stdout(io.StringIO()):
            flash.flash(self.image, f"{self.folder}/by-id/card", self.machine, lambda question: question.split()[1])
        self.disk(DISK, "8:0", partitions=2)
        os.symlink(f"{self.folder}/dev/sda", f"{self.folder}/by-id/disk")
        with self.assertRaises(flash.Refused) as caught:
            flash.flash(self.image, f"{self.folder}/by-id/disk", self.machine, input)
        self.assertIn("not removable", str(caught.exception))

    def test_a_card_that_reads_otherwise_than_it_was_written_is_told(self):
        written = flash.write_all

        def lying(device, piece, at):
            written(device, piece[:-1] + bytes([piece[-1] ^ 1]) if at else piece, at)

        with mock.patch.object(flash, "write_all", lying), self.assertRaises(flash.Refused) as caught:
            self.flash()
        self.assertIn("broken", str(caught.exception))

    def test_the_card_is_held_alone_until_it_is_read_back(self):
        # What is let go is mounted by many a desk at once, and a mount writes.
        card, whole = os.path.join(self.folder, "dev/sdz"), flash.read_back
        opened, held = os.open, []

        def watched(path, flags, *more, **named):
            device = opened(path, flags, *more, **named)
            if flags & os.O_EXCL:
                held.append(device)
            return device

        def reading(path, size):
            self.assertTrue(os.path.samestat(os.fstat(held[0]), os.stat(card)))
            return whole(path, size)

        with mock.patch.object(os, "open", watched), mock.patch.object(flash, "read_back", reading):
            self.assertIn("read back", self.flash())
        with self.assertRaises(OSError):
            os.fstat(held[0])

    def test_the_old_table_is_gone_from_the_card_before_anything_else_is_written(self):
        done, write_all, fsync = [], flash.write_all, os.fsync

        def written(device, piece, at):
            done.append(at)
            write_all(device, piece, at)

        def flushed(device):
            done.append("flush")
            fsync(device)

        with mock.patch.object(flash, "write_all", written), mock.patch.object(os, "fsync", flushed):
            self.flash()
        self.assertEqual(done, [0, "flush", flash.PIECE, "flush", 0, "flush"])

    def test_a_card_pulled_out_at_any_piece_has_no_partition_table(self):
        with open(self.image, "rb") as file:
            table = file.read(512)
        written = flash.write_all
        for last in range(2):
            count = 0

            def pulled(device, piece, at):
                nonlocal count
                if count > last:
                    raise OSError(5, "Input/output error")
                count += 1
                written(device, piece, at)

            with mock.patch.object(flash, "write_all", pulled), self.assertRaises(OSError):
                self.flash()
            self.assertNotEqual(self.card()[:512], table)
