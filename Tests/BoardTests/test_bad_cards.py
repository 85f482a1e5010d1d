"""Cards that can't do what they are for: one in a board that it is not for, one whose image was cut short."""

import os

from boards import KEY
from scenarios import check, scenario
from test_first_boot import Card, boot

GOOD = f"[gateway]\nurl = https://gateway.example\npublic_key = {KEY}\n"


@scenario("a card in a board that no profile is for says so on the console, makes no key, and starts as soon as there is one")
def wrong_board(image, desk):
    card = desk.keep(Card(image, "wrong_board"))
    card.put("cairn.ini", GOOD)
    machine = boot(image, desk, card, "wrong_board_without")
    machine.console.expect("This node has no key yet, since cairn-agent did not start", 600)
    said = machine.console.expect(r"[^\n]*profile[^\n]*\n", 120)[1].group(0).decode().strip()
    machine.kill()
    card.put_profile("[board]\nname = put-there\nserial_file = /none\ncard_file = /none\n")
    machine = boot(image, desk, card, "wrong_board_with")
    machine.console.expect("This node is cairn-[0-9a-f]{6}", 600)
    return said


@scenario("a card whose image was cut short says what is missing, and what that means, wherever it was cut")
def cut_short(image, desk):
    card = desk.keep(Card(image, "cut_short"))
    card.put("cairn.ini", GOOD)
    told = []
    # From behind: each cut takes more.
    for what, partition, reason in (
            ("data", 4, "the data partition .* can't be mounted: this node has no key and no log"),
            ("the room before data", 3, "there is no data partition beside .*: this node has no key and no log"),
            ("root", 2, "can't be mounted: the card is damaged, flash it anew")):
        start, length = card.partitions[partition - 1]
        os.truncate(card.path, start + length // 2)
        machine = boot(image, desk, card, f"cut_short_{partition}")
        said = machine.console.expect(f"cairn: [^\n]*{reason}", 600)[1].group(0).decode()
        if partition > 2:
            machine.console.expect("This node has no key yet", 600)
        machine.kill()
        told.append(f"{what}: {said.strip()}")
    check("each cut was told", len(told) == 3)
    return "; ".join(told)
