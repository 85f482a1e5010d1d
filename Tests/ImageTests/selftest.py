#!/usr/bin/env python3
"""Runs the tests of the image that need no emulated board."""

import os
import sys
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(os.path.dirname(os.path.dirname(here)), "Boards/Image")]
sys.dont_write_bytecode = True

if __name__ == "__main__":
    found = unittest.TestSuite(
        unittest.defaultTestLoader.loadTestsFromName(name) for name in ("flashing", "making", "listing", "starting"))
    result = unittest.TextTestRunner(verbosity=1).run(found)
    sys.exit(0 if result.wasSuccessful() else 1)
