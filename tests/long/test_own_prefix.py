# SPDX-License-Identifier: Apache-2.0
"""make install into a home directory: the programs find each other and their libraries without any environment,
and make uninstall leaves nothing."""
import os
import shutil
import subprocess

import pytest
from conftest import DEMO_MODELS, ROOT, Daemon, grey_png


def make(home, build, *arguments):
    out = subprocess.run(["make", f"BUILD={build}", "prefix=~/.local", *arguments], cwd=ROOT, timeout=800,
                         capture_output=True, text=True, stdin=subprocess.DEVNULL,
                         env={**os.environ, "HOME": str(home)})
    assert out.returncode == 0, out.stdout[-3000:] + out.stderr[-3000:]


@pytest.mark.skipif(not shutil.which("meson"), reason="meson is missing")
def test_an_own_prefix_needs_no_ldconfig(tmp_path):
    home, build = tmp_path / "home", tmp_path / "build"
    home.mkdir()
    make(home, build, "install")
    shutil.rmtree(build / "src")  # nothing from the build tree helps
    grey_png(tmp_path / "photos/a.png", 100, (64, 64))
    (tmp_path / "situd").mkdir()
    daemon = Daemon(tmp_path / "situd", ["--store", f"photos={tmp_path / 'photos'}", "--models", DEMO_MODELS],
                    program=home / ".local/sbin/situd")
    try:
        out = subprocess.run([home / ".local/bin/situ", "--array", daemon.url, "infer", "demo", "photos/a.png"],
                             capture_output=True, text=True, timeout=60, env={})
        assert out.returncode == 0 and "photos/a.png" in out.stdout, out.stderr
        assert {os.readlink(f"/proc/{pid}/exe") for pid in daemon.workers()} == {
            str(home / ".local/libexec/situ/situ-worker")}
    finally:
        assert daemon.stop() == 0, daemon.log()
    make(home, build, "uninstall")
    assert [path for path in (home / ".local").rglob("*") if not path.is_dir()] == []
