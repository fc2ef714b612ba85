"""Make classic/to_04.diff anew, which classic/README.md reads: python tests/make_classic_diff.py"""

import sys

from support import CLASSIC, ROOT

sys.path.insert(0, str(ROOT))

from workshop.base import contract, steptree
from workshop.base.steps import Step, find

FILE = CLASSIC / "to_04.diff"
# The README is what the reader has open, and a lock file says nothing to a person.
LEFT_OUT = (steptree.README, FILE.name, "requirements.lock")


def trees() -> list[steptree.Tree]:
    """Return the files of the classic edition and of step 4 that are compared."""
    result = [steptree.read(folder) for folder in (CLASSIC, find("4").folder)]
    for tree in result:
        for name in LEFT_OUT:
            tree.pop(name, None)
    return result


def expected() -> bytes:
    """Return the diff, the files in the order in which the README names them."""
    return steptree.patch(*trees(), list(contract.contract(Step(CLASSIC)).why))


if __name__ == "__main__":
    FILE.write_bytes(expected())
