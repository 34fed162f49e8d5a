# SPDX-License-Identifier: Apache-2.0
"""Help at the command line: usage, versions, mistyped names."""

import re
import subprocess

import pytest
from conftest import ROOT, SITU, grey_png


def situ(*arguments, **options):
    return subprocess.run([SITU, *arguments], capture_output=True, text=True, timeout=30, **options)


def verbs():
    listed = re.findall(r"^  ([a-z]+)  ", situ("help").stdout, re.MULTILINE)
    return [verb for verb in listed if verb not in ("help", "version")]


def test_the_letters_h_and_V_are_taken():
    version = situ("--version")
    assert re.fullmatch(r"situ \d+\.\d+\.\d+\n", version.stdout)
    for way in ("-V", "version"):
        assert (situ(way).returncode, situ(way).stdout) == (0, version.stdout)
    assert situ("version", "x").returncode == 2
    assert situ("-h").stdout == situ("--help").stdout == situ("help").stdout != ""
    assert len(verbs()) > 10
    for verb in verbs():
        wanted = situ("help", verb).stdout
        assert wanted.startswith(f"situ {verb} ")
        for letter in ("-h", "--help"):
            told = situ(verb, letter)
            assert (told.returncode, told.stdout, told.stderr) == (0, wanted, ""), verb


@pytest.mark.parametrize("arguments, said", [
    (("modle", "list"), "unknown verb 'modle'; did you mean 'model'?"),
    (("help", "serach"), "unknown verb 'serach'; did you mean 'search'?"),
    (("Infer",), "unknown verb 'Infer'; did you mean 'infer'?"),
    (("frobnicate",), "unknown verb 'frobnicate'"),
    (("model", "lst"), "unknown action 'lst' of 'situ model'; did you mean 'list'?"),
    (("index", "improt", "x"), "unknown action 'improt' of 'situ index'; did you mean 'import'?"),
    (("job", "puase", "x"), "unknown action 'puase' of 'situ job'; did you mean 'pause'?"),
    (("object", "ls"), "unknown action 'ls' of 'situ object'")])
def test_a_mistyped_verb_or_action_is_understood(arguments, said):
    told = situ(*arguments)
    assert told.returncode == 2 and told.stdout == ""
    assert told.stderr.splitlines()[0] == f"situ: {said}"


@pytest.fixture
def array(situd, tmp_path, null_models):
    grey_png(tmp_path / "photos/a.png", 10)
    return situd("--store", f"photos={tmp_path / 'photos'}", "--models", null_models(resnet50="sleep 0"),
                 "--engine", "null")


def test_a_mistyped_model_store_or_index_is_understood(array, tmp_path, situ_cli):
    for arguments, said in (
            (("infer", "resent50", "photos/a.png"), "no model 'resent50'; did you mean 'resnet50'?"),
            (("infer", "resnet", "photos/"), "no model 'resnet'; did you mean 'resnet50'?"),
            (("model", "show", "ResNet50"), "no model 'ResNet50'; did you mean 'resnet50'?"),
            (("model", "remove", "resnet5"), "no model 'resnet5'; did you mean 'resnet50'?"),
            (("infer", "resnet5@2", "photos/a.png"), "no model 'resnet5' of version 2; did you mean 'resnet50'?"),
            (("infer", "resnet50", "photo/a.png"), "no store 'photo'; did you mean 'photos'?"),
            (("infer", "resnet50", "photso/"), "no store 'photso'; did you mean 'photos'?"),
            (("object", "list", "fotos"), "no store 'fotos'; did you mean 'photos'?")):
        told = situ_cli(array, *arguments)
        assert told.returncode != 0 and said in told.stderr, (arguments, told.stderr)
    r = array.get("/v1/infer/resnet50/potos/a.png")
    assert (r.status_code, r.json()["code"]) == (404, "not_found") and "did you mean 'photos'?" in r.json()["error"]
    assert "did you mean" not in array.get("/v1/models/quite-another").json()["error"]
    vectors = b'{"object":"photos/a.png","embedding":[1,0]}\n'
    r = array.session.put(array.url + "/v1/indexes/likeness/vectors", data=vectors, timeout=30,
                          headers={"Content-Type": "application/octet-stream"})
    assert r.status_code == 201, r.text
    assert "no index 'likenes'; did you mean 'likeness'?" in situ_cli(array, "index", "show", "likenes").stderr


def test_completion_knows_every_verb_and_option():
    completion = (ROOT / "packaging/situ.bash-completion").read_text()
    for verb in (*verbs(), "version"):
        assert re.search(rf"\b{verb}\b", completion), verb
        options = set(re.findall(r"--[a-z][a-z-]+", situ("help", verb).stdout))
        assert [o for o in sorted(options) if not re.search(rf"{o}(?![a-z-])", completion)] == [], verb


def test_every_option_is_in_help_manual_and_completion():
    options = set()
    for file in sorted((ROOT / "src/cli").glob("*.[ch]")):
        options |= set(re.findall(r'\{"([a-z-]+)",\s*(?:no|required|optional)_argument', file.read_text()))
    assert len(options) > 30
    said = "".join(situ("help", *verb).stdout for verb in ((), *((verb,) for verb in verbs())))
    for text, wanted in ((said, options - {"help", "version"}),
                         ((ROOT / "docs/man/situ.1.scd").read_text(), options),
                         ((ROOT / "packaging/situ.bash-completion").read_text(), options)):
        assert [o for o in sorted(wanted) if not re.search(rf"--{o}(?![a-z-])", text)] == []
