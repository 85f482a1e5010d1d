"""Rules of Swift, C and Python sources."""

import re

from graph_rules import is_test
from tree import without_comments_and_text

MAXIMUM_LINES = 500
MAXIMUM_COLUMNS = 100
ONLY_TEXT = re.compile(r'\s*(==|\+|return)?\s*#?".*"#?[,)]*')
MAXIMUM_COMMENT_COLUMNS = 120

# What is not used, and what takes its place. Looked for in code only, not in comments and literals.
FORBIDDEN = [
    (r"\btry\?", "`try?` hides a failure: catch it and say what follows"),
    (r"\btry!", "`try!` ends the program without a reason"),
    (r"\bas!", "`as!` ends the program without a reason"),
    (r"\bfatalError\s*\(", "`fatalError` is not used: `precondition` for a bug, a typed throw for the world"),
    (r"\bassert(ionFailure)?\s*\(", "`assert` is gone in release: `precondition`"),
    (r"\.disabled\s*\(", "a disabled test is no test: mend it, or take it out"),
    (r"\bunowned\s*\(\s*unsafe\s*\)|\bunsafeBitCast\s*\(", "unchecked memory outside of a shim"),
    # After a name, a bracket or a literal; `!=` and `!` in front of an expression are something else.
    (r"(?<=[\w\)\]\}\"])(?<!\btry)(?<!\bas)!(?![=\w])", "`!` ends the program without a reason: unwrap with `guard` or `#require`"),
]

# Words in any file that say that something is unfinished. Brackets, so that this file is not found.
UNFINISHED = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b")


def lines_of(code, pattern):
    for match in re.finditer(pattern, code):
        yield code.count("\n", 0, match.start()) + 1


def no_forbidden_code(tree):
    for path, source in tree.matching(r"^(Sources|Tests)/.*\.swift$"):
        code = without_comments_and_text(source)
        for pattern, why in FORBIDDEN:
            for line in lines_of(code, pattern):
                yield (path, line, why)


def nothing_is_unfinished(tree):
    for path, source in tree.files.items():
        for line in lines_of(source, UNFINISHED):
            yield (path, line, "an unfinished place: a condition and a test, or nothing")


def boards_do_not_print(tree):
    for name in sorted(tree.board):
        target = tree.targets.get(name)
        if target is None or is_test(target):
            continue
        for path, source in tree.sources(target):
            code = without_comments_and_text(source)
            for line in lines_of(code, r"(?<![\w.])(print|debugPrint|dump)\s*\("):
                yield (path, line, "`print` on a board: standard output belongs to LinuxPlatform, and it allocates")


def files_are_short(tree):
    for path, source in tree.matching(r"^(Sources|Tests)/.*\.(swift|c|h|py)$|^Package\.swift$"):
        count = source.count("\n")
        if count > MAXIMUM_LINES:
            yield (path, count, f"{count} lines: at most {MAXIMUM_LINES}, so that a file has one subject")


def lines_fit(tree):
    """Code up to 100 columns, comments up to 120. What stands in a text of several lines can't be broken, and a
    line that is one text and nothing else would not get better by it."""
    for path, source in tree.matching(r"^(Sources|Tests)/.*\.swift$|^Package\.swift$"):
        code = without_comments_and_text(source).split("\n")
        is_in_text = False
        for number, line in enumerate(source.split("\n"), 1):
            was_in_text = is_in_text
            if code[number - 1].count('"""') % 2 == 1:
                is_in_text = not is_in_text
            is_comment = line.lstrip().startswith("//")
            limit = MAXIMUM_COMMENT_COLUMNS if is_comment else MAXIMUM_COLUMNS
            if ONLY_TEXT.fullmatch(line):
                continue
            if len(line) > limit and not was_in_text:
                yield (path, number, f"{len(line)} columns: at most {limit}")


def folders_say_what_they_are(tree):
    """Each module has a README that says more than its name."""
    folders = {
        "/".join(path.split("/")[:2]) for path, _ in tree.matching(r"^Sources/[^/]+/.*\.(swift|c|h|modulemap)$")
    }
    for folder in sorted(folders):
        readme = folder + "/README.md"
        if readme not in tree.files:
            yield (folder, 1, "no README.md: what lives here, what never does, who uses it")
        elif len([line for line in tree.files[readme].split("\n") if line.strip()]) < 2:
            yield (readme, 1, "says nothing but its name: what lives here, what never does, who uses it")


RULES = [
    no_forbidden_code, nothing_is_unfinished, boards_do_not_print, files_are_short, lines_fit,
    folders_say_what_they_are,
]
