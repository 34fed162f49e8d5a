# SPDX-License-Identifier: Apache-2.0
"""Photos for the tests that compare the decoders with Pillow: pictures drawn by the demo's program
($SITU_DRAW), and the photos of $SITU_TEST_DATA (default: ../shared/data beside the checkout), if there are any.
"""
import os
import pathlib
import subprocess

DATA = pathlib.Path(os.environ.get("SITU_TEST_DATA")
                    or pathlib.Path(__file__).resolve().parents[4] / "shared" / "data")


def drawn(directory, count=72):
    """Every kind of picture, with edges of 96 to 640 pixels."""
    pictures = pathlib.Path(directory) / "drawn"
    subprocess.run([os.environ["SITU_DRAW"], "--count", str(count), "--seed", "9", "--size", "96-640", "--out",
                    pictures], check=True, timeout=120, stdout=subprocess.DEVNULL)
    return sorted(pictures.iterdir())


def all_photos(directory):
    """Drawn pictures and photos."""
    photos = sorted((DATA / "photos").glob("*"))
    print(f"{len(photos)} photos of {DATA} beside the drawn pictures")
    return drawn(directory) + photos
