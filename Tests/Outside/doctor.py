#!/usr/bin/env python3
"""What `cairn doctor --json` writes, by docs/doctor.schema.json and docs/doctor.md, with Python's json and jsonschema.

Usage: doctor.py CAIRN     the program; cairn-uplink-https lies beside it
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMA = json.loads((ROOT / "docs" / "doctor.schema.json").read_text())
STATUSES = {"ok": 0, "warning": 1, "failed": 69}
SITE = """[gateway]
url = http://127.0.0.1:1
public_key = 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
[sensor.air]
chip = bme280
bus = i2c-1
"""


def documented():
    """The ids of the tables of docs/doctor.md."""
    ids = set()
    for line in (ROOT / "docs" / "doctor.md").read_text().split("\n"):
        if match := re.match(r"\| ([a-z.,\- ]+) \| ", line):
            ids.update(word.strip() for word in match.group(1).split(","))
    return ids | {"problem"}


def ask(program, folder, *options):
    ending = subprocess.run(
        [program, "doctor", "--json", "--state", folder, "--run", folder, *options], capture_output=True, text=True,
        timeout=120, check=False)
    answer = json.loads(ending.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(answer)
    counts = {"ok": 0, "warning": 0, "failed": 0, "not-checked": 0}
    for row in answer["rows"]:
        counts[row["state"]] += 1
        assert row["id"] in documented(), f"{row['id']} is not in docs/doctor.md"
    told = answer["counts"]
    assert counts == {"not-checked": told["notChecked"], **{k: told[k] for k in ("ok", "warning", "failed")}}, told
    assert answer["worst"] == ("failed" if told["failed"] else "warning" if told["warning"] else "ok"), answer["worst"]
    assert ending.returncode == STATUSES[answer["worst"]], ending.returncode
    return answer


def refuses(answer, change):
    """The schema is no formality: what is not so is refused."""
    spoilt = json.loads(json.dumps(answer))
    change(spoilt)
    try:
        jsonschema.Draft202012Validator(SCHEMA).validate(spoilt)
    except jsonschema.ValidationError:
        return
    raise AssertionError("the schema takes anything")


def main():
    program = sys.argv[1]
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    with tempfile.TemporaryDirectory() as folder:
        site = pathlib.Path(folder) / "site.ini"
        nothing = ask(program, folder, "--config", str(site))
        assert next(row for row in nothing["rows"] if row["id"] == "config.site")["state"] == "failed"
        site.write_text(SITE)
        more = ask(program, folder, "--config", str(site), "--board", str(ROOT / "Boards" / "virtual.ini"))
        states = {row["id"]: row["state"] for row in more["rows"]}
        assert states["config.site"] == "ok" and states["network.connect"] == "failed", states
        # Text from files goes through JSON whole, whatever it holds.
        site.write_text('[gateway]\nurl = "\\\x7fé\n')
        ask(program, folder, "--config", str(site))
    refuses(nothing, lambda answer: answer["rows"][0].update(state="fine"))
    refuses(nothing, lambda answer: answer["rows"][0].update(state="failed", remedy=None))
    refuses(nothing, lambda answer: answer["rows"][0].pop("reason"))
    refuses(nothing, lambda answer: answer.pop("counts"))
    print(f"cairn doctor: {len(nothing['rows'])} and {len(more['rows'])} rows, as their schema says")


if __name__ == "__main__":
    main()
