"""The same card in QEMU's Raspberry Pi 3, with the Pi's own device tree, card reader and serial line."""

from boards import BOARD, IMAGE, KEY, PROMPT
from emulator import Board, Machine
from scenarios import check, scenario
from test_first_boot import Card

@scenario("on a Raspberry Pi 3 the card finds its root by the disk's signature, picks the Pi's profile, makes a key and signs", long=True)
def raspberry_pi(image, desk):
    card = desk.keep(Card(image, "raspberry_pi"))
    card.put("cairn.ini", f"[gateway]\nurl = https://gateway.example\npublic_key = {KEY}\n[batch]\ninterval = 1 s\n")
    words = (IMAGE / "cmdline.txt").read_text().split()
    # QEMU's model of the Pi's watchdog takes its arming for the reset itself: the driver is there, and nobody arms it.
    arguments = " ".join(word for word in words if not word.startswith("console=")) + " cairn.shell systemd.watchdog_sec=0"
    board = Board(IMAGE / "vmlinuz", IMAGE / "initrd.img", arguments, machine="raspi3b",
                  device_tree=IMAGE / "board.dtb", console="ttyS1,115200")
    machine = desk.keep(Machine("raspberry_pi", board, [["-drive", f"file={card.path},format=raw,if=sd"]]))
    desk.machines.append(machine)
    machine.console.expect(PROMPT, 600)
    seconds = machine.seconds()
    machine.wait_for_shell()
    said = machine.must("cairn board show")
    check("the profile is the Pi's", BOARD in said, said)
    check("the board is a Pi", "Raspberry Pi 3" in machine.must("tr -d '\\0' </proc/device-tree/model"))
    check("the Pi's watchdog has its driver", "bcm2835_wdt" in machine.must("ls /dev/watchdog && lsmod"))
    machine.until("systemctl is-active cairn-agent", what="the agent")
    machine.until("cairn log list | grep -q 0/0", what="a signed batch on the card")
    check("the key is there", "did:key:" in machine.must("cairn key show"))
    check("the data partition is on the card", "mmcblk0p4" in machine.must("findmnt -n -o SOURCE /data"))
    return f"prompt {seconds:.1f} s after power-on, signed batch after {machine.seconds():.1f} s"
