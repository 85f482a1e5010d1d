"""Each rule against samples that it must catch, and against samples that it must leave alone."""

import sys

import graph_rules
import source_rules
import text_rules
from tree import Target, Tree, without_comments_and_text


def swift(text, path="Sources/Records/a.swift"):
    return Tree({path: text})


def target(name, *dependencies, kind="regular", folder=None):
    return Target(name, kind, folder or "Sources/" + name, dependencies)


def graph(*edges):
    """Targets from ("a", "b", "c"): a depends on b and c."""
    targets = {name: target(name) for edge in edges for name in edge}
    for name, *dependencies in edges:
        targets[name] = target(name, *dependencies, kind="test" if name.endswith("Tests") else "regular")
    return Tree({}, targets.values())


def importing(module, name="Records", dependencies=(), kind="regular", board=()):
    folder = ("Tests/" if kind == "test" else "Sources/") + name
    others = [target(other) for other in {module, *dependencies} - {name}]
    text = f"// import Nothing\n@testable import {module}\n"
    return Tree(
        {folder + "/a.swift": text}, [target(name, *dependencies, kind=kind, folder=folder), *others], board)


def columns(count, start=""):
    return swift(start + "x" * (count - len(start)) + "\n")


QUOTES = '"""'

# The rule, trees in which it must find exactly one thing, trees in which it must find nothing.
SAMPLES = [
    (graph_rules.no_forbidden_reach, [
        graph(("cairn-uplink-https", "Signers")), graph(("cairn-uplink-https", "A"), ("A", "B"), ("B", "Sensors")),
        graph(("cairn-uplink-https", "Radios")), graph(("cairn-agent", "HTTPSTransport")),
        graph(("cairn-agent", "A"), ("A", "CLibCurl")), graph(("cairn-agent", "CLibMosquitto")),
        graph(("Sensors", "LinuxPlatform")), graph(("Radios", "A"), ("A", "LinuxPlatform")),
        graph(("Spool", "Proofs")), graph(("Spool", "A"), ("A", "Records")),
        graph(("cairn-agent", "GatewayStore")),
    ], [
        graph(("cairn-uplink-https", "HTTPSTransport"), ("cairn-agent", "Signers", "Sensors", "Spool")),
        graph(("A", "B"), ("B", "A")),
    ]),
    (graph_rules.no_test_in_sources, [graph(("Spool", "SpoolTests"), ("SpoolTests", "Spool"))],
     [graph(("SpoolTests", "Spool"), ("WholeTests", "SpoolTests"))]),
    (graph_rules.imports_are_declared, [importing("CBOR"), importing("CBOR", dependencies=["Spool"])],
     [importing("CBOR", dependencies=["CBOR"]), importing("Records")]),
    (graph_rules.declared_are_imported, [importing("CBOR", dependencies=["CBOR", "Spool"])],
     [importing("CBOR", dependencies=["CBOR"])]),
    (graph_rules.c_stays_in_its_modules, [
        importing("CLinux"), importing("CSodium", name="cairn-agent"), importing("CLibCurl", name="Delivery"),
        importing("CInih"), importing("CLibI2C", name="Sensors"),
        importing("CSodium", name="RecordsTests", kind="test"),
    ], [
        importing("CSodium", name="Proofs"), importing("CLibCurl", name="HTTPSTransportTests", kind="test"),
    ]),
    (graph_rules.boards_have_no_host_modules, [
        importing("Foundation", board=["Records"]), importing("Glibc", board=["Records"]),
    ], [importing("Foundation"), importing("Foundation", kind="test", board=["Records"])]),
    (source_rules.no_forbidden_code, [
        swift("let a = try? b()"), swift("let a = try! b()"), swift("let a = b as! C"), swift("fatalError()"),
        swift("fatalError (why)"), swift("assert(a)"), swift("assertionFailure()"),
        swift("@Test(.disabled(why)) func a() {}", "Tests/RecordsTests/a.swift"), swift("let a = b!"),
        swift("let a = b!.c"), swift("let a = b()!"), swift("let a = b[0]!.c"), swift("var a: B!"),
        swift('let a = "\\(b!)"'), swift('let a = "\\(b("x"))", c = d!'),
        swift(f"let a = {QUOTES}\n  \\(b!)\n  {QUOTES}"), swift('let a = #"\\#(b!)"#'), swift("a /* b */ = c!"),
        swift("let a = unsafeBitCast(b, to: C.self)"),
    ], [
        swift("// try? try! as! fatalError() assert( a! \nlet a = b != c && !d\n"), swift("precondition(a)"),
        swift('let a = "try! b!"'), swift(f"let a = {QUOTES}\n  really! try! \"so\"!\n  {QUOTES}"),
        swift('let a = #"really! \\(b!)"#'), swift("/* a! /* b! */ c! */"), swift("let a = [!b, !c]"),
        swift("#if !os(Linux)\n#endif"), swift("assertEqual(a)"), swift("a.asserted(b)"), swift('let a = "\\\\", b = "!"'),
    ]),
    (source_rules.nothing_is_unfinished, [
        swift("// TO" + "DO: later"), Tree({"docs/a.md": "FIX" + "ME"}), Tree({"a.py": "# X" + "XX"}),
    ], [swift("let toDoList = 1 // xxx")]),
    (source_rules.boards_do_not_print, [
        Tree({"Sources/Records/a.swift": "print(1)"}, [target("Records")], ["Records"]),
        Tree({"Sources/Records/a.swift": "debugPrint (1)"}, [target("Records")], ["Records"]),
    ], [
        Tree({"Sources/Records/a.swift": "print(1)"}, [target("Records")]),
        Tree({"Sources/Records/a.swift": "a.print(1) // print(1)\nfunc fingerprint() {}\nfingerprint()"},
             [target("Records")], ["Records"]),
    ]),
    (source_rules.files_are_short, [swift("\n" * 501), Tree({"Sources/CLinux/a.c": "\n" * 501})],
     [swift("\n" * 500), Tree({"Data/a.csv": "\n" * 501})]),
    (source_rules.lines_fit, [
        columns(101), columns(101, "let a = 1  // "), columns(121, "  /// "),
        swift(f"let a = {QUOTES}\n  {QUOTES}\n" + "x" * 101),
    ], [columns(100), columns(120, "// "), swift(f"let a = {QUOTES}\n" + "x" * 150 + f"\n  {QUOTES}\n")]),
    (source_rules.folders_say_what_they_are, [
        swift("let a = 1"), Tree({"Sources/A/a.c": "", "Sources/A/README.md": "# A\n\n"}),
        Tree({"Sources/A/B/a.swift": ""}),
    ], [Tree({"Sources/A/B/a.swift": "", "Sources/A/README.md": "# A\n\nWhat lives here.\n"}),
        Tree({"Tests/A/a.swift": ""})]),
    (text_rules.no_path_of_a_machine, [
        swift('let a = "/ho' + 'me/x/y"'), Tree({"docs/a.md": "in /wo" + "rk/main/"}), Tree({"a.py": "'/ro" + "ot/'"}),
        Tree({"Makefile": "cd /tmp/tr" + "ees/a"}),
    ], [swift('let a = "/dev/i2c-1", b = "https://x.net/ho' + 'me/", c = "/homes"'), Tree({"docs/a.md": "net/work/x"})]),
    (text_rules.nothing_but_the_project, [
        swift("// made by Cl" + "aude"), Tree({"docs/a.md": "an L" + "LM wrote this"}),
        Tree({"docs/a.md": "see issue 2"}), Tree({"docs/a.md": "fixes iss" + "ue #12"}), swift("// found in this sess" + "ion"),
        swift("// PR 7"), swift("// the fix (#12)"), Tree({"a.py": "# a sub" + "agent did it"}),
        Tree({"Sources/HTTPSTransport/a.swift": "// last session"}),
    ], [
        Tree({"Sources/HTTPSTransport/a.swift": "// a TLS session is used again"}), swift("let url = URLSession.shared"),
        swift("// the agent's socket; a tissue 2; obsessions"), Tree({"docs/a.md": "# 12\n\nissues a receipt, 2 of them"}),
    ]),
    (text_rules.links_lead_somewhere, [
        Tree({"docs/a.md": "[b](b.md)"}), Tree({"docs/a.md": "[b](../README.md)"}),
        Tree({"docs/a.md": "# A\n[b](#c)"}), Tree({"docs/a.md": "[b](b.md#d)", "docs/b.md": "# C"}),
        Tree({"docs/a.md": "![picture](b.png)"}),
    ], [
        Tree({"docs/a.md": "[b](b.md) [c](https://x.net/y) [d](../Sources) `[e](f.md)`", "docs/b.md": "", "Sources/a": ""}),
        Tree({"docs/a.md": "# A *bold* one\n[b](#a-bold-one)"}), Tree({"docs/a.md": "[b](b.md#c-d)", "docs/b.md": "## C d\n"}),
    ]),
    (text_rules.named_files_exist, [
        swift("/// docs/absent.md has the bytes."), Tree({"docs/a.md": "Look into `Sources/A/b.swift`."}),
        Tree({"Makefile": "python3 Tests/Outside/absent.py"}),
    ], [
        Tree({"docs/a.md": "docs/a.md, https://x.net/docs/b.md and Sources/A", "Sources/A/b": ""}),
        swift("// my-docs/b.md, docs.md"),
    ]),
]


def run(rules):
    failures = []
    tested = {rule for rule, _, _ in SAMPLES}
    for rule in rules:
        if rule not in tested:
            failures.append(f"{rule.__name__} has no sample")
    count = 0
    for rule, bad, good in SAMPLES:
        if rule not in rules:
            failures.append(f"{rule.__name__} is not among the rules that are checked")
        for number, sample in enumerate(bad):
            found = list(rule(sample))
            count += 1
            if len(found) != 1:
                failures.append(f"{rule.__name__} finds {len(found)} in bad sample {number}: {sample.files} {found}")
        for number, sample in enumerate(good):
            found = list(rule(sample))
            count += 1
            if found:
                failures.append(f"{rule.__name__} finds something in good sample {number}: {found}")
    for source in ('a "b\\"c" d', 'a /* b\n */ c', f'{QUOTES}\n "a" \n{QUOTES} b'):
        count += 1
        code = without_comments_and_text(source)
        if len(code) != len(source) or code.count("\n") != source.count("\n"):
            failures.append(f"blanking moves what follows: {source!r} {code!r}")
    for failure in failures:
        print(failure)
    print(f"self-test: {len(rules)} rules, {count} samples, {len(failures)} failures", file=sys.stderr)
    return 1 if failures else 0
