"""Sentences that hold or don't, printed as they are found, and counted."""

import sys

SHOWN = 8


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, problems):
        """`problems` is a list: empty when all is well."""
        if problems:
            self.failed += 1
            print(f"FAILED  {what}")
            for problem in problems[:SHOWN]:
                print(f"        {problem}")
            if len(problems) > SHOWN:
                print(f"        and {len(problems) - SHOWN} more")
        else:
            self.passed += 1
            print(f"ok      {what}")
        sys.stdout.flush()
