# SPDX-License-Identifier: Apache-2.0
"""The manuals describe all options and settings of the programs."""

import re
import subprocess

from conftest import ROOT, SITUD

SETTINGS = re.compile(r'^\s*[A-Z]+\("([a-z]+)", "([a-z_]+)", "([a-z-]+)"', re.M)


def test_every_option_of_situd_is_in_its_manual_and_its_help():
    settings = SETTINGS.findall((ROOT / "src/service/config.c").read_text())
    assert len(settings) > 20
    help_text = subprocess.run([SITUD, "--help"], capture_output=True, text=True, check=True).stdout
    manual = (ROOT / "docs/man/situd.8.scd").read_text()
    of_file = (ROOT / "docs/man/situd.conf.5.scd").read_text()
    options = set(re.findall(r"--[a-z][a-z-]+", help_text)) | {f"--{s[2]}" for s in settings}
    assert [o for o in sorted(options) if f"*{o}*" not in manual] == []
    assert [s for s in settings if f"--{s[2]}" not in help_text] == []
    assert [s for s in settings if f"*{s[1]}*" not in of_file or f"[{s[0]}]" not in of_file] == []


def test_every_setting_of_a_store_is_in_the_manual():
    settings = re.findall(r'strcmp\(name, "([a-z_]+)"\)', (ROOT / "src/service/config.c").read_text())
    assert "kind" in settings
    of_file = (ROOT / "docs/man/situd.conf.5.scd").read_text()
    assert [s for s in settings if f"*{s}* = " not in of_file] == []
