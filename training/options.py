"""What the commands have in common: errors of one line with exit code 2, and types of options."""

import argparse
import math


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def whole(least, most=math.inf):
    """The type of an option that is a whole number from least to most."""

    def parse(text):
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            limit = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limit}")
        return int(text)

    return parse
