"""Rules of the dependency graph and of imports.

    sensor → record → leaf → checkpoint → spool ‖ delivery → transport → gateway → verdict
"""

import re

from tree import without_comments_and_text

# Who may not reach what, directly or not; a name ending in * stands for all that begin like it.
FORBIDDEN = [
    ("cairn-uplink-https", ["Signers", "Sensors", "Radios", "cairn-agent"],
     "the network's side of the cut has neither key nor devices"),
    ("cairn-uplink-mqtt", ["Signers", "Sensors", "Radios", "cairn-agent"],
     "the network's side of the cut has neither key nor devices"),
    ("cairn-agent", ["P256Signatures"], "it is one static file, and verifies nothing that is signed on P-256"),
    ("cairn-agent", ["HTTPSTransport", "MQTTTransport", "Delivery", "CLibCurl", "CLibMosquitto", "Gateway*"],
     "the key's side of the cut has no network"),
    ("cairn-agent", ["CLibUSB", "LinuxUSB", "USBBridges"], "it is one static file: the bridge is another process"),
    ("cairn-usb", ["Signers", "Proofs", "HTTPSTransport", "MQTTTransport", "Delivery", "CLibCurl", "CLibMosquitto"],
     "a bridge has neither key nor network"),
    ("cairn-forwarder", ["Signers", "Proofs", "Sensors", "Delivery", "CLibUSB", "CLibCurl", "CLibMosquitto"],
     "the forwarder has neither key nor devices"),
    ("GWMP", ["LinuxPlatform"], "a protocol reads no socket"),
    ("USBBridges", ["CLibUSB"], "a bridge knows its stick by its contract only"),
    ("Sensors", ["LinuxPlatform"], "a driver knows a bus by its contract only"),
    ("Radios", ["LinuxPlatform"], "a driver knows a bus by its contract only"),
    ("Spool", ["Proofs", "Records", "DeviceLog"], "the spool keeps bytes, whatever they mean"),
    ("Delivery", ["Spool", "Proofs", "LinuxPlatform"], "delivery decides; it reads and sends nothing"),
    ("Verifier", ["Signers", "LinuxPlatform", "Spool"], "a verifier works on bytes, and has no key"),
    ("RadioDuties", ["Signers", "LinuxPlatform", "Spool", "NodeConfiguration"], "a duty is cranked by hand"),
    ("Coverage", ["Signers", "LinuxPlatform", "Spool", "Sensors", "Radios"], "node and gateway compute the same from bytes and times"),
    ("CoverageVerifier", ["Signers", "LinuxPlatform", "Spool", "Gateway*"], "a verdict is a function of archived bytes alone"),
    ("CoverageStatistics", ["Signers", "LinuxPlatform", "Spool", "Gateway*"], "statistics are a function of archived leaves alone"),
    ("GatewayStore", ["LinuxPlatform", "Sensors", "Spool"], "a gateway knows nothing of boards"),
    ("Archive", ["Signers", "Gateway*", "LinuxPlatform", "Spool"], "an archive is judged from its files alone, without key and store"),
]

# The only modules that meet a C library. Tests of such a module may too.
C_MODULES = {
    # The tool and the simulator: names of errors, and the terminal.
    "CLinux": {
        "FixedMemory", "LinuxPlatform", "LinuxGPIO", "Signers", "HTTPSTransport", "NodeFiles", "Simulation",
        "GatewayStore", "cairn", "CairnTool", "SocketPrograms", "cairn-simulate", "cairn-bench",
        "cairn-transcript",
    },
    # Found by the linker alone.
    "CFortify": set(),
    # The bench: the bare calls that sealing is measured against.
    "CSodium": {"Proofs", "Verifier", "Signers", "cairn-bench"},
    "CLibCurl": {"HTTPSTransport"},
    "CLibMosquitto": {"MQTTTransport"},
    "CMosquittoGuard": {"MQTTTransport"},
    "CInih": {"NodeConfiguration"},
    "CLibI2C": {"LinuxPlatform"},
    "CLibUSB": {"LinuxUSB"},
    "CLibGPIOD": {"LinuxGPIO"},
    "COpenSSL": {"HostCryptography", "P256Signatures"},
    "CQREncode": {"cairn"},
    "CLibEdit": {"cairn"},
}

# Not on boards: Embedded Swift has none of them, and full Swift would not notice.
HOST_ONLY = {"Foundation", "FoundationEssentials", "Glibc", "Musl", "Dispatch", "Synchronization"}

IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+|(?:public|package|internal|fileprivate|private)\s+)*import\s+"
    r"(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)", re.MULTILINE)


def imports(source):
    code = without_comments_and_text(source)
    for match in IMPORT.finditer(code):
        yield match.group(1), code.count("\n", 0, match.start(1)) + 1


def is_test(target):
    return target.kind == "test" or target.folder.startswith("Tests/")


def line_in_manifest(tree, name):
    for number, line in enumerate(tree.files.get("Package.swift", "").split("\n"), 1):
        if f'"{name}"' in line:
            return number
    return 1


def no_forbidden_reach(tree):
    for name, forbidden, why in FORBIDDEN:
        if name not in tree.targets:
            continue
        for reached in sorted(tree.reached(name)):
            for pattern in forbidden:
                if reached == pattern or pattern.endswith("*") and reached.startswith(pattern[:-1]):
                    yield ("Package.swift", line_in_manifest(tree, name), f"{name} reaches {reached}, but {why}")


def no_test_in_sources(tree):
    for target in tree.targets.values():
        for dependency in target.dependencies if not is_test(target) else ():
            other = tree.targets.get(dependency)
            if other and is_test(other):
                yield (
                    "Package.swift", line_in_manifest(tree, target.name),
                    f"{target.name} depends on {dependency}, which is made for tests only")


def imports_are_declared(tree):
    modules = {target.module: target for target in tree.targets.values()}
    for target in tree.targets.values():
        for path, source in tree.sources(target):
            for module, line in imports(source):
                other = modules.get(module)
                if other and other is not target and other.name not in target.dependencies:
                    yield (
                        path, line, f"imports {module}, which Package.swift does not name as a dependency of "
                        f"{target.name}: it is found by accident of another's")


def declared_are_imported(tree):
    for target in tree.targets.values():
        used = {module for _, source in tree.sources(target) for module, _ in imports(source)}
        if not used:
            continue
        for name in target.dependencies:
            other = tree.targets.get(name)
            # A program that tests start is a dependency without an import.
            if other and other.kind != "executable" and other.module not in used:
                yield (
                    "Package.swift", line_in_manifest(tree, target.name),
                    f"{target.name} names {name} as a dependency and never imports it", True)


def c_stays_in_its_modules(tree):
    for target in tree.targets.values():
        tested = target.name.removesuffix("Tests") if is_test(target) else target.name
        for path, source in tree.sources(target):
            for module, line in imports(source):
                allowed = C_MODULES.get(module)
                if allowed is not None and tested not in allowed:
                    yield (
                        path, line, f"imports {module}: C is met in {', '.join(sorted(allowed))} only, "
                        "so that what is unsafe has one place")


def boards_have_no_host_modules(tree):
    for name in sorted(tree.board):
        target = tree.targets.get(name)
        if target is None or is_test(target):
            continue
        for path, source in tree.sources(target):
            for module, line in imports(source):
                if module in HOST_ONLY:
                    yield (path, line, f"imports {module}, which boards do not have")


RULES = [
    no_forbidden_reach, no_test_in_sources, imports_are_declared, declared_are_imported,
    c_stays_in_its_modules, boards_have_no_host_modules,
]
