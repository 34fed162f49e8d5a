# SPDX-License-Identifier: Apache-2.0
"""Where `make install` puts files, and that they work there: tested in a mount namespace in which the installed
tree is mounted over the prefix."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import BUILD, ROOT, Daemon, grey_png


def option(name):
    out = subprocess.run(["meson", "introspect", "--buildoptions", str(BUILD)],
                         capture_output=True, text=True, check=True)
    return next(o["value"] for o in json.loads(out.stdout) if o["name"] == name)


class Installed:
    """`root` is what DESTDIR was; `path(option, rest)` a file beneath it."""

    def __init__(self, root):
        self.root = root
        self.prefix = pathlib.Path(option("prefix"))

    def place(self, directory, rest):
        """Where it is once DESTDIR is the root."""
        return self.prefix / option(directory) / rest

    def path(self, directory, rest):
        return self.root / self.place(directory, rest).relative_to("/")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    if not (BUILD / "build.ninja").exists() or not shutil.which("meson"):
        pytest.skip("no meson build directory")
    root = tmp_path_factory.mktemp("root")
    out = subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet"],
                         capture_output=True, text=True, env={**os.environ, "DESTDIR": str(root)})
    assert out.returncode == 0, out.stderr
    return Installed(root)


def runpath(program):
    out = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True)
    return [line.split("[")[1].split("]")[0] for line in out.stdout.splitlines()
            if "RUNPATH" in line or "RPATH" in line]


def test_everything_is_in_its_place(installed):
    for directory, rest in (
            ("bindir", "situ"), ("sbindir", "situd"), ("libexecdir", "situ/situ-worker"),
            ("includedir", "situ.h"), ("libdir", "libsitu.so"), ("libdir", "libsitu.so.0"),
            ("libdir", "pkgconfig/situ.pc"), ("datadir", "bash-completion/completions/situ"),
            ("datadir", "doc/situ/examples/situd.conf"), ("datadir", "doc/situ/LICENSE"),
            ("datadir", "doc/situ/examples/situ.rules.yml"),
            ("datadir", "doc/situ/examples/situ.dashboard.json")):
        assert installed.path(directory, rest).is_file(), rest
    system = installed.root / installed.prefix.relative_to("/") / "lib"
    for rest in ("systemd/system/situd.service", "systemd/system/situd.socket",
                 "sysusers.d/situ.conf", "tmpfiles.d/situ.conf"):
        assert (system / rest).is_file(), rest
    completion = installed.path("datadir", "bash-completion/completions/situ")
    assert subprocess.run(["bash", "-n", completion]).returncode == 0


def test_the_manual_pages_are_there(installed):
    if not shutil.which("scdoc"):
        pytest.skip("scdoc is missing: no manual pages are made")
    for page in ("man1/situ.1", "man3/libsitu.3", "man5/situd.conf.5", "man8/situd.8"):
        assert ".TH" in installed.path("mandir", page).read_text(), page


def test_a_bundled_onnx_runtime_comes_with_its_licence(installed):
    path = runpath(installed.path("libexecdir", "situ/situ-worker"))
    if not path:
        pytest.skip("ONNX Runtime is the system's")
    assert path == [str(installed.place("libdir", "situ"))]
    assert installed.path("libdir", "situ/libonnxruntime.so.1").is_file()
    licence = installed.path("datadir", "doc/situ/LICENSE.onnxruntime").read_text()
    assert "MIT License" in licence and "Microsoft" in licence


def test_the_unit_starts_the_program_that_is_installed(installed):
    system = installed.root / installed.prefix.relative_to("/") / "lib"
    unit = (system / "systemd/system/situd.service").read_text()
    program = next(line.removeprefix("ExecStart=").split()[0] for line in unit.splitlines()
                   if line.startswith("ExecStart="))
    assert program == str(installed.place("sbindir", "situd"))
    users = (system / "sysusers.d/situ.conf").read_text()
    for setting in ("User=situ", "Group=situ"):
        assert setting in unit.splitlines()
    assert any(line.split()[:2] == ["u", "situ"] for line in users.splitlines())


def test_a_program_builds_against_the_installed_library(installed, tmp_path):
    if not shutil.which("pkg-config") or not shutil.which("cc"):
        pytest.skip("pkg-config or cc is missing")
    if "SITU_SANITIZER" in os.environ:
        pytest.skip("a program without the sanitizer cannot use a library with it")
    env = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": str(installed.root),
           "PKG_CONFIG_PATH": str(installed.path("libdir", "pkgconfig"))}
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "situ"], capture_output=True,
                           text=True, env=env, check=True).stdout.split()
    (tmp_path / "use.c").write_text("#include <situ.h>\n"
                                    "int main(void) { situ_close((struct situ *)0); return 0; }\n")
    out = subprocess.run(["cc", "-o", tmp_path / "use", tmp_path / "use.c", *flags],
                         capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    env["LD_LIBRARY_PATH"] = str(installed.path("libdir", ""))
    assert subprocess.run([tmp_path / "use"], env=env).returncode == 0


def test_the_installed_programs_answer(installed, demo_models, tmp_path):
    """Without any setting of paths: daemon, worker and ONNX Runtime find each other. ldconfig makes libsitu found;
    running it would change this system."""
    prefix = installed.prefix
    layers = f"lowerdir={installed.root / prefix.relative_to('/')}:{prefix}"
    inside = ["unshare", "-m", *(["-r"] if os.geteuid() else []), "sh", "-c",
              'mount -t overlay overlay -o "$1" "$2" && shift 2 && exec "$@"', "sh", layers,
              str(prefix)]
    if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
        pytest.skip("no permission to lay the installed tree over the prefix")
    grey_png(tmp_path / "photos/a.png", 100, (64, 64))
    directory = tmp_path / "situd"
    directory.mkdir()
    daemon = Daemon(directory, ["--store", f"photos={tmp_path / 'photos'}", "--models", demo_models],
                    wrapper=inside, program=installed.place("sbindir", "situd"))
    try:
        out = subprocess.run([*inside, installed.place("bindir", "situ"), "--array", daemon.url,
                              "infer", "demo", "photos/a.png"], capture_output=True, text=True,
                             timeout=60, env={**os.environ, "LD_LIBRARY_PATH":
                                              str(installed.place("libdir", ""))})
        assert out.returncode == 0 and "photos/a.png" in out.stdout, (out.stderr, daemon.log())
        programs = {os.readlink(f"/proc/{pid}/exe") for pid in
                    (daemon.process.pid, *daemon.workers())}
        assert programs == {str(installed.place("sbindir", "situd")),
                            str(installed.place("libexecdir", "situ/situ-worker"))}
    finally:
        assert daemon.stop() == 0, daemon.log()


def test_what_was_installed_is_removed(installed, tmp_path):
    root = shutil.copytree(installed.root, tmp_path / "root", symlinks=True)
    mine = root / installed.prefix.relative_to("/") / "share/doc/situ/notes"
    mine.write_text("not of make install")
    env = {**os.environ, "DESTDIR": str(root)}
    for again in range(2):
        out = subprocess.run([ROOT / "tools/uninstall", BUILD, installed.prefix], capture_output=True, text=True, env=env)
        assert (out.returncode, out.stderr) == (0, "")
        assert out.stdout.startswith("0 of ") == bool(again), out.stdout
        assert [p for p in root.rglob("*") if p.is_symlink() or not p.is_dir()] == [mine]
    named = sorted(str(p.relative_to(root)) for p in root.rglob("situ"))
    assert named == [str(mine.parent.relative_to(root))]


def test_make_says_what_a_target_runs():
    def recipe(*arguments):
        out = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True,
                             env={**os.environ, "HOME": "/home/me"})
        assert out.returncode == 0, out.stderr
        return out.stdout.splitlines()

    quick = recipe("experiment-quick")
    assert quick.index("tools/deps experiment") < next(
        i for i, line in enumerate(quick) if re.match("experiment/run .* --quick$", line))
    assert not any("--quick" in line for line in recipe("experiment"))
    for target in ("install", "uninstall"):
        assert any(re.fullmatch(f"tools/{target} build /home/me/.local", line) for line in recipe(target, "prefix=~/.local"))
