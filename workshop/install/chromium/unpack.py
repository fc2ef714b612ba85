"""Unpack what npm has brought: python unpack.py FOLDER. It has brotli, which packs best."""

import io
import shutil
import sys
import tarfile
from pathlib import Path

import brotli

# On a system without fonts it would show none; else it shows what the system has.
START = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export LD_LIBRARY_PATH="$here/al2023/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_FILE="$here/fonts.conf"
exec "$here/chromium" "$@"
"""
FONTS = """<?xml version="1.0"?>
<fontconfig><dir>{}</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
"""


def main(folder: Path) -> None:
    """Write the program, its libraries and what starts it into a folder."""
    packed = folder / "node_modules" / "@sparticuz" / "chromium" / "bin"
    for file in packed.glob("*.br"):
        content = brotli.decompress(file.read_bytes())
        if file.name.endswith(".tar.br"):
            with tarfile.open(fileobj=io.BytesIO(content)) as files:
                files.extractall(folder / file.name.removesuffix(".tar.br"))
        else:
            write(folder / "chromium", content)
    (folder / "fonts.conf").write_text(FONTS.format(folder / "fonts"))
    write(folder / "chromium-headless-shell", START.encode())
    shutil.rmtree(folder / "node_modules")


def write(path: Path, content: bytes) -> None:
    """Write a program."""
    path.write_bytes(content)
    path.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
