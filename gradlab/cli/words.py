"""What all commands share: how they fail, and the words that they take."""

import argparse
import sys


def fail(message: str) -> int:
    """Say what is wrong; returns the exit status."""
    print(f"gradlab: {message}", file=sys.stderr)
    return 1


def port(text: str) -> int:
    """A port, as an argument."""
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 65535, not {text!r}")
    return int(text)


def count(text: str) -> int:
    """A number of things, as an argument."""
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more, not {text!r}")
    return int(text)
