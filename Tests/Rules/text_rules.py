"""Rules of all texts: links, and what has no place in a project's files."""

import posixpath
import re

# Brackets in patterns, so that this file does not find itself.
MACHINE_PATHS = re.compile(r"(?<![\w.~-])/(h[o]me|r[o]ot|w[o]rk|tmp/tr[e]es|Us[e]rs)/")

WORDS = [
    (re.compile(r"\bCl[a]ude\b|\bAnth[r]opic\b|\bCh[a]tGPT\b|\bC[o]pilot\b", re.IGNORECASE), "a tool's name"),
    (re.compile(r"\bL[L]Ms?\b|\bA[I]\b(?=[ -](agent|assistant|model|generated|helper))"), "how a text was made"),
    (re.compile(r"\b(sub-?|coding[ -])agents?\b|\bagent[ -]h[e]lpers?\b", re.IGNORECASE), "how a text was made"),
    (re.compile(r"\bissues? ?#?\d+|\b(PR|pull request) ?#?\d+|(?<=\()#\d+(?=\))", re.IGNORECASE),
     "a number of a tracker: say what it is about"),
    (re.compile(r"\bs[e]ssions?\b", re.IGNORECASE), "work is not told of here; another meaning goes on the allow-list"),
]

# What is meant otherwise: a file, the words around, and why.
ALLOWED = [
    (r"^Tests/Rules/", r"", "the rules themselves, and their samples"),
    (r"^Sources/HTTPSTransport/", r"TLS session|session (ID|ticket|cache|reuse)", "TLS has sessions (RFC 8446)"),
    (r"\.(service|md)$", r"systemd|login session|TLS session", "systemd and TLS have sessions"),
    (r"\.swift$", r"URLSession", "a type's name"),
    (r"^(Sources/CLibEdit/|Sources/CLinux/|Sources/cairn/(Console|Help\+Console)|docs/console\.md|Package\.swift"
     r"|Tests/CairnToolTests/Console)", r"", "a person at a terminal has sessions"),
]

LINK = re.compile(r"\[[^\]\n]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
# A document or source that a text names without a link: docs/x.md, Sources/A/b.swift.
MENTION = re.compile(r"(?<![\w/.-])((?:docs|Sources|Tests|Data|Boards)/[\w+./@-]*\.(?:md|swift|py|txt|ini|sample|sh|c|h))\b")
HEADING = re.compile(r"^#+\s+(.*?)\s*#*$", re.MULTILINE)


def places(text, pattern):
    for match in pattern.finditer(text):
        yield match, text.count("\n", 0, match.start()) + 1


def line_at(text, number):
    return text.split("\n")[number - 1]


def no_path_of_a_machine(tree):
    for path, text in tree.files.items():
        for match, line in places(text, MACHINE_PATHS):
            yield (path, line, f"{match.group()} is a path of one machine")


def nothing_but_the_project(tree):
    for path, text in tree.files.items():
        for pattern, why in WORDS:
            for match, line in places(text, pattern):
                words = line_at(text, line)
                if any(re.search(where, path) and re.search(what, words) for where, what, _ in ALLOWED):
                    continue
                yield (path, line, f'"{match.group()}": {why}')


def slug(heading):
    """The anchor that is made of a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def links_lead_somewhere(tree):
    for path, text in tree.matching(r"\.md$"):
        # What stands in code is no link.
        prose = re.sub(r"`[^`\n]*`", lambda code: " " * len(code.group()), text)
        for match, line in places(prose, LINK):
            target, _, anchor = match.group(1).partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) if target else path
            if not tree.exists(place):
                yield (path, line, f"links to {match.group(1)}, which is not there")
            elif anchor and place.endswith(".md"):
                if anchor not in {slug(heading) for heading in HEADING.findall(tree.files[place])}:
                    yield (path, line, f"links to {match.group(1)}, which has no such heading")


def named_files_exist(tree):
    for path, text in tree.matching(r"\.(md|swift|py|c|h|ini|sample|sh)$|^Makefile$"):
        if path.startswith("Tests/Rules/"):
            continue  # samples
        # A link says the same again.
        prose = LINK.sub(lambda link: re.sub(r"[^\n]", " ", link.group()), text) if path.endswith(".md") else text
        for match, line in places(prose, MENTION):
            if not tree.exists(posixpath.normpath(match.group(1))):
                yield (path, line, f"names {match.group(1)}, which is not there")


RULES = [no_path_of_a_machine, nothing_but_the_project, links_lead_somewhere, named_files_exist]
