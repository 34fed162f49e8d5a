# SPDX-License-Identifier: Apache-2.0
"""`situ token`: a token that it makes gets in with the rights of its section, and no other token does.
And files of tokens that once let strangers in, or ended situd."""

import base64
import hashlib
import os
import re
import signal
import stat
import subprocess

import pytest
import requests
from conftest import ROOT, SITU, SITUD, free_port, grey_png
from rights import token_of
from test_rights_reload import Follower

CASES = ROOT.parent / "shared/cases"


def token(*arguments, **options):
    return subprocess.run([SITU, "token", *map(str, arguments)], capture_output=True, text=True, timeout=30,
                          **options)


def new(*arguments):
    """The token and the text of its section."""
    out = token("new", *arguments)
    assert out.returncode == 0, out.stderr
    first, empty, *section = out.stdout.split("\n")
    assert empty == "" and section[-1] == ""
    return first, "\n".join(section)


def status(daemon, path, value):
    headers = {} if value is None else {"Authorization": f"Bearer {value}"}
    return requests.get(daemon.url + path, headers=headers, timeout=60).status_code


@pytest.fixture
def start(situd, tmp_path, null_models):
    grey_png(tmp_path / "photos/2024/a.png", 10)
    grey_png(tmp_path / "photos/2025/b.png", 20)
    models = null_models(m="sleep 0")

    def run(rights):
        return situd("--store", f"photos={tmp_path / 'photos'}", "--models", models, "--engine", "null",
                     "--token-file", rights)

    return run


def test_a_new_token_has_256_random_bits_and_a_prefix():
    seen = set()
    for _ in range(8):
        value, section = new("backup")
        assert re.fullmatch(r"situ_[A-Za-z0-9_-]{43}", value)
        assert len(base64.urlsafe_b64decode(value.removeprefix("situ_") + "=")) == 32
        assert section == (f"[token backup]\nhash = {hashlib.sha256(value.encode()).hexdigest()}\n"
                           "rights = reader\n")
        seen.add(value)
    assert len(seen) == 8


def test_a_new_token_gets_in_with_its_rights_and_no_other_does(start, tmp_path):
    good, first = new("good", "--rights", "list infer", "--stores", "photos/2024/", "--expires", "2999-12-31",
                      "--requests-per-second", "1000", "--concurrent", "100")
    other, second = new("other", "--rights", "metrics")
    assert re.sub("hash = .*", "hash = ?", first) == (
        "[token good]\nhash = ?\nrights = list infer\nstores = photos/2024/\nexpires = 2999-12-31\n"
        "requests_per_second = 1000\nconcurrent = 100\n")
    over, _ = new("over")
    third = (f"[token over]\nhash = {hashlib.sha256(over.encode()).hexdigest()}\nrights = admin\nstores = *\n"
             "expires = 2020-01-01\n")
    rights = tmp_path / "rights"
    rights.write_text(f"{first}\n{second}\n{third}")
    daemon = start(rights)
    stranger, _ = new("good")
    for path in ("/v1/infer/m/photos/2024/a.png", "/metrics", "/v1/stores"):
        for value in (stranger, over, None, "", " ", good[:-1], good + "A", good.swapcase(),
                      hashlib.sha256(good.encode()).hexdigest()):
            assert status(daemon, path, value) == 401, (path, value)
    assert status(daemon, "/v1/infer/m/photos/2024/a.png", good) == 200
    assert status(daemon, "/metrics", good) == 403
    assert status(daemon, "/metrics", other) == 200
    assert status(daemon, "/v1/infer/m/photos/2024/a.png", other) == 403
    for secret in (good, other, over, stranger):
        assert secret not in daemon.log() and secret.removeprefix("situ_")[:20] not in daemon.log()


def test_sections_are_appended_and_situ_uses_the_token(start, tmp_path):
    rights = tmp_path / "rights"
    rights.write_bytes(b"# ours\r\n[user anna]\r\nrights = reader")  # no line feed at the end
    rights.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(rights)
    values = []
    for name in ("first", "second"):
        out = token("new", name, "--rights", "operator", "--stores", "photos", "--append", link)
        assert out.returncode == 0, out.stderr
        assert re.fullmatch(r"situ_[\w-]{43}\n", out.stdout)
        values.append(out.stdout.strip())
    assert link.is_symlink() and stat.S_IMODE(os.stat(rights).st_mode) == 0o640
    assert rights.read_bytes().startswith(b"# ours\r\n[user anna]\r\nrights = reader\n\n[token first]\nhash = ")
    assert sorted(os.listdir(tmp_path)).count("rights.new") == 0
    daemon = start(rights)
    for value in values:
        (tmp_path / "mine").write_text(value + "\n")
        listed = subprocess.run([SITU, "--array", daemon.url, "--token-file", tmp_path / "mine", "object",
                                 "list", "photos"], capture_output=True, text=True, timeout=60)
        assert listed.stdout == "photos/2024/a.png\nphotos/2025/b.png\n", listed.stderr

    before = rights.read_bytes()
    out = token("new", "third", "--rights", "reader", "--stores", "*", "--append", rights)
    third = out.stdout.strip()
    assert status(daemon, "/v1/stores", third) == 401
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: status(daemon, "/v1/stores", third) == 200, "the new token")
    rights.write_bytes(before)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: status(daemon, "/v1/stores", third) == 401, "the end of the token")


def test_a_new_file_is_its_owners_only(tmp_path):
    rights = tmp_path / "rights"
    assert token("new", "a", "--append", rights).returncode == 0
    assert stat.S_IMODE(os.stat(rights).st_mode) == 0o600
    assert rights.read_text().startswith("[token a]\n")


def test_a_file_that_cannot_take_the_section_stays_as_it_is(tmp_path):
    rights = tmp_path / "rights"
    for text, said in (("[token backup]\nhash = " + "5e" * 32 + "\n", "the section is there already, in line 1"),
                       ("a-plain-token-of-old-form\n", "a section behind plain tokens"),
                       ("[user a]\nrigths = reader\n", "line 2: there is no such setting")):
        rights.write_text(text)
        out = token("new", "backup", "--append", rights)
        assert (out.returncode, out.stdout) == (2, "") and said in out.stderr, out
        assert rights.read_text() == text and os.listdir(tmp_path) == ["rights"]
    (tmp_path / "rights.new").touch()
    rights.write_text("")
    out = token("new", "backup", "--append", rights)
    assert out.returncode == 2 and "rights.new' exists" in out.stderr and rights.read_text() == ""
    assert "no regular file" in token("new", "backup", "--append", tmp_path).stderr
    assert token("new", "backup", "--append", tmp_path / "none/rights").returncode == 2


@pytest.mark.parametrize("arguments, said", [
    (("a b",), "the name of a token"),
    (("",), "the name of a token"),
    (("a" * 65,), "the name of a token"),
    (("a]\nrights = admin\n#",), "the name of a token"),
    (("a", "--rights", "reader\nstores = *"), "rights: it must be one line"),
    (("a", "--rights", "reed"), "'reed' is no right"),
    (("a", "--stores", "photos/2024"), "stores: a prefix ends with a slash"),
    (("a", "--stores", "pho%zztos"), "stores: %"),
    (("a", "--expires", "tomorrow"), "expires: a date"),
    (("a", "--expires", "2027-02-31"), "expires: a date"),
    (("a", "--expires", "2020-01-01"), "expires: 2020-01-01 is over"),
    (("a", "--concurrent", "0"), "--concurrent: a number from 1 to 1000000"),
    (("a", "--requests-per-second", "1e3"), "--requests-per-second: a number from 1 to 1000000"),
    (("a", "b"), "give: situ token new NAME"), ((), "give: situ token new NAME")])
def test_a_section_that_would_not_parse_is_not_printed(arguments, said):
    out = token("new", *arguments)
    assert (out.returncode, out.stdout) == (2, ""), out
    assert said in out.stderr and "line 1" not in out.stderr


def test_a_token_without_stores_is_noted_in_time():
    assert "without --stores" in token("new", "a", "--rights", "reader").stderr
    assert token("new", "a", "--rights", "metrics").stderr == ""
    assert token("new", "a", "--stores", "*").stderr == ""


def test_hash_says_what_new_wrote():
    value, section = new("a")
    digest = re.search("hash = (.*)", section).group(1)
    for text in (value, value + "\n", value + "\r\nmore\n"):
        out = token("hash", input=text)
        assert (out.returncode, out.stdout, out.stderr) == (0, digest + "\n", "")
    out = token("hash", input="short")
    assert out.stdout == hashlib.sha256(b"short").hexdigest() + "\n" and "could be guessed" in out.stderr
    for wrong in ("", "\n", "two words\n", "tab\there\n", "a" * 5000, "caf\u00e9"):
        out = token("hash", input=wrong)
        assert (out.returncode, out.stdout) == (2, "") and "token" in out.stderr, wrong
    assert token("hash", "x").returncode == 2
    assert token("hash", "--rights", "reader", input="x").returncode == 2


def test_the_manual_names_each_right_and_its_examples_parse(tmp_path):
    manual = (ROOT / "docs/man/situd.conf.5.scd").read_text().split("# RIGHTS\n")[1]
    words = re.findall(r"^_([a-z:A-Z]+)_\n\t", manual.split("## Rights\n")[1].split("## How callers")[0], re.MULTILINE)
    assert len(words) == 16
    for word in words:
        assert token("new", "a", "--rights", word, "--stores", "*").returncode == 0, word
        assert re.search(rf"\b{word.partition(':')[0]}\b", token("-h").stdout), word
    examples = re.findall("^```\n(.*?)^```", manual.split("## Examples")[1], re.MULTILINE | re.DOTALL)
    assert len(examples) >= 2
    for example in examples[:2]:
        (tmp_path / "rights").write_text(re.sub(r"hash = (\w+)\.\.\.", lambda m: f"hash = {m[1] * 4}", example))
        assert token("new", "another", "--append", tmp_path / "rights").stderr.count("line") == 0


def refused(rights, store):
    """Checks, and then starts, situd with a file that it must refuse: what both said."""
    options = ["--store", f"photos={store}", "--engine", "null", "--token-file", rights,
               "--listen", f"127.0.0.1:{free_port()}", "--state", store.parent / "state"]
    said = ""
    for more in (["--check"], []):
        out = subprocess.run([SITUD, *map(str, options), *more], capture_output=True, text=True, timeout=60)
        assert out.returncode in (1, 2) and out.stderr, out
        assert not said or out.stderr.splitlines()[-1] == said.splitlines()[-1]
        said += out.stderr
    return said


def test_answers_to_plain_tokens_outlive_a_reload(tmp_path, situd, null_models):
    for i in range(100):
        grey_png(tmp_path / f"photos/{i}.png", i)
    plain = tmp_path / "plain"
    plain.write_text(token_of("old") + "\n" + token_of("gone") + "\n")
    daemon = situd("--store", f"photos={tmp_path / 'photos'}", "--engine", "null", "--token-file", plain,
                   "--models", null_models(slow="sleep 300"), "--lanes", "1", "--cache-size", "0")
    old, gone = Follower(daemon, "old"), Follower(daemon, "gone")
    daemon.wait_for(lambda: old.lines >= 2 and gone.lines >= 2, "the first results")
    plain.write_text("another-token-before-it\n" + token_of("old") + "\n")
    daemon.process.send_signal(signal.SIGHUP)
    assert gone.ended.wait(30) and not gone.whole
    seen = old.lines
    daemon.wait_for(lambda: old.lines > seen + 1, "the other's answer to go on")
    assert not old.ended.is_set()


def cases(name):
    if not (CASES / name).exists():
        pytest.skip(f"{CASES / name} is missing")
    return CASES / name


def test_a_line_of_blanks_is_no_token(start, tmp_path):
    daemon = start(cases("blank-token"))
    assert status(daemon, "/v1/stores", "secret-token-1") == 200
    for value in (None, "", " ", "  ", "\t", "secret-token-1  x", "secret-token-"):
        assert status(daemon, "/v1/stores", value) == 401, repr(value)
    for header in ("Bearer", "Bearer ", "Bearer   ", "Basic secret-token-1", "secret-token-1"):
        r = requests.get(daemon.url + "/v1/stores", headers={"Authorization": header}, timeout=60)
        assert r.status_code == 401, header


def test_a_lone_carriage_return_is_refused_by_its_line(tmp_path):
    (tmp_path / "photos").mkdir()
    said = refused(cases("cr-tokens-small"), tmp_path / "photos")
    assert "line 1 has a carriage return" in said and "\r" not in said


@pytest.mark.parametrize("text, said", [
    ("[token a]\nhash = " + hashlib.sha256(b"").hexdigest() + "\nrights = admin\nstores = *\n",
     "line 2: hash: it is the SHA-256 of an empty text"),
    ("[token a]\nrights = reader\n", "line 1: [token a] has no hash"),
    ("[user anna]\nrights = reader admn\n", "line 2: 'admn' is no right"),
    ("a-plain-token-of-old-form\n[user anna]\n", "line 2: a section behind plain tokens")])
def test_a_wrong_file_is_refused_by_its_line(tmp_path, text, said):
    (tmp_path / "photos").mkdir()
    (tmp_path / "rights").write_text(text)
    stderr = refused(tmp_path / "rights", tmp_path / "photos")
    assert said in stderr and "a-plain-token" not in stderr
