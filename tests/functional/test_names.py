# SPDX-License-Identifier: Apache-2.0
"""Objects whose names are any bytes: Latin-1 from old file servers, line feeds, and text that looks
encoded. Each is inferred, listed, indexed, searched, tried again and exported like any other."""

import base64
import json
import os
import subprocess
import urllib.parse

import pytest
import requests
from conftest import SITU, grey_png
from indexes import OCTETS, create, send, wait_ready

# Key, the key in JSON, whether it is marked there; in byte order.
NAMES = [
    (b"a\nb.png", "a\nb.png", False),
    (b"a\r", "a\r", False),
    (b"caf%E9.png", "caf%E9.png", False),
    (b"caf\xc3\xa9.png", "café.png", False),
    (b"caf\xe9.png", "caf%E9.png", True),
    (b"caf\xe9\xc3\xa9\n%25.png", "caf%E9é%0A%2525.png", True),
    (b"f\xfcr/100%.png", "f%FCr/100%25.png", True),
    (b"f\xfcr/\xff\xfe", "f%FCr/%FF%FE", True),
    (b"z\x1b[31m.png", "z\x1b[31m.png", False),
]
KEYS = [key for key, _, _ in NAMES]
SHOWN = [("photos/" + text, marked) for _, text, marked in NAMES]


def shown(lines):
    return [(line["object"], line.get("encoded", False)) for line in lines]


def raw(line):
    """The bytes that a line of JSON names."""
    name = line["object"]
    return urllib.parse.unquote_to_bytes(name) if line.get("encoded") else name.encode()


def picture(folder, key, value):
    """Written to another name and renamed, because PIL takes names as text."""
    path = os.path.join(os.fsencode(folder), key)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.rename(grey_png(folder / "new.tmp", value), path)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for value, key in enumerate(KEYS):
        picture(folder, key, 20 * value + 5)
    return folder


@pytest.fixture
def daemon(situd, photos, null_models):
    models = null_models(quick="sleep 0", rows="sleep 0", crashing="sleep 0\ncrash_from 150")
    (models / "rows/situ.json").write_text('{"task": "feature-extraction"}')
    return situd("--store", f"photos={photos}", "--models", models, "--engine", "null")


def run_situ(daemon, *args, input=b"", status=0):
    done = subprocess.run([SITU, "--array", daemon.url, *args], input=input, capture_output=True,
                          timeout=60)
    assert done.returncode == status, done.stderr + done.stdout
    return done


def path_of(key):
    return "/".join(urllib.parse.quote(part) for part in key.split(b"/"))


def test_they_are_listed_and_read_one_by_one(daemon):
    got, after = [], b""
    for _ in range(10):  # pages of two
        page = daemon.get("/v1/stores/photos/objects?limit=2&after=" + urllib.parse.quote(after))
        got += page.json()["objects"]
        after = raw({"object": got[-1]["key"], "encoded": got[-1].get("encoded", False)})
        if not page.json()["more"]:
            break
    assert [(g["key"], g.get("encoded", False)) for g in got] == [n[1:] for n in NAMES]
    page = daemon.get("/v1/stores/photos/objects?prefix=f%fcr/").json()
    assert [o["key"] for o in page["objects"]] == ["f%FCr/100%25.png", "f%FCr/%FF%FE"]
    for (key, _, _), (name, marked) in zip(NAMES, SHOWN):
        r = daemon.get(f"/v1/infer/quick/photos/{path_of(key)}")
        assert r.status_code == 200 and shown([r.json()]) == [(name, marked)], r.text
        r = daemon.get(f"/v1/thumbnails/photos/{path_of(key)}")
        assert r.status_code == 200 and r.content[:2] == b"\xff\xd8"
    r = daemon.get("/v1/infer/quick/photos/no%e9.png")
    assert r.status_code == 404 and "no%E9.png" in r.json()["error"]
    r = requests.post(f"{daemon.url}/v1/infer/quick?name=caf%e9", data=grey_png(
        daemon.directory / "x.png", 3).read_bytes(), headers=OCTETS, timeout=20)
    assert shown([r.json()]) == [("caf%E9", True)]


def test_jobs_take_them_in_every_form(daemon, photos):
    assert shown(daemon.run("quick", {"store": "photos"})[1:-1]) == SHOWN
    first, *lines, last = daemon.run("quick", {"store": "photos", "prefix": "f%FCr/", "glob": "*\xff%FF*",
                                               "encoded": True})
    assert lines == [] and last["done"]["objects"] == 0
    assert first["job"]["select"]["glob"] == "*\xff%FF*" and first["job"]["select"]["encoded"]
    lines = daemon.run("quick", {"store": "photos", "prefix": "f%FCr/", "glob": "%FF*",
                                 "encoded": True})[1:-1]
    assert shown(lines) == [SHOWN[7]]
    elements = [{"object": name, "encoded": True} if marked else name for name, marked in SHOWN]
    lines = daemon.run("quick", {"keys": elements[::-1]})[1:-1]
    assert shown(lines) == SHOWN[::-1] and all("classes" in line for line in lines)
    r = requests.post(f"{daemon.url}/v1/jobs?model=quick&store=photos&separator=nul&follow=1",
                      data=b"\0".join(KEYS * 50), headers=OCTETS, timeout=60)
    assert shown(map(json.loads, r.content.splitlines()[1:-1])) == SHOWN * 50
    for bad, words in (({"object": "photos/%E", "encoded": True}, "keys[0]"), ({"encoded": True}, "keys[0]"),
                       ({"object": "photos/%00", "encoded": True}, "keys[0]"), (7, "keys[0]")):
        r = daemon.post("/v1/jobs", {"model": "quick", "select": {"keys": [bad]}})
        assert r.status_code == 400 and words in r.json()["error"], r.text
    r = daemon.post("/v1/jobs", {"model": "quick", "select": {"store": "photos", "prefix": "%2",
                                                              "encoded": True}})
    assert r.status_code == 400 and "prefix" in r.json()["error"]


def test_a_job_goes_on_behind_one_and_its_failures_are_tried_again(daemon, photos):
    broken = os.path.join(os.fsencode(photos), b"f\xfcr/\xff\xfe")
    with open(broken, "r+b") as file:
        file.write(b"no image")
    id = daemon.start_job("quick", {"store": "photos", "prefix": ""})["id"]
    daemon.wait_for_job(id, "done")
    daemon.kill()
    daemon.start()
    lines, last = daemon.results(id, after=4)
    assert shown(lines) == SHOWN[4:] and last["done"]["failed"] == 1
    picture(photos, b"f\xfcr/\xff\xfe", 9)
    again = daemon.act(id, "retry").json()["id"]
    daemon.wait_for_job(again, "done")
    lines, last = daemon.results(again)
    assert shown(lines) == [SHOWN[7]] and "classes" in lines[0]


def test_a_job_over_such_a_prefix_goes_on_after_a_kill(daemon, photos):
    for i in range(200):
        picture(photos, b"f\xfcr/%03d" % i, 7)
    selected = {"store": "photos", "prefix": "f%FCr/", "encoded": True}
    job = daemon.start_job("quick", selected, standing=True, interval_s=1)
    daemon.wait_for(lambda: daemon.job(job["id"])["results"] > 10, "some results")
    daemon.kill()
    daemon.start()
    daemon.wait_for(lambda: daemon.job(job["id"])["idle"], "the pass to end")
    assert selected.items() <= daemon.job(job["id"])["select"].items()
    lines, _ = daemon.results(job["id"], wait=0)  # a new one is checked once more
    assert set(map(raw, lines)) == {b"photos/f\xfcr/%03d" % i for i in range(200)} | {
        b"photos/" + key for key in KEYS if key.startswith(b"f\xfc")}
    os.unlink(os.path.join(os.fsencode(photos), b"f\xfcr/007"))
    gone = {"object": "photos/f%FCr/007", "encoded": True, "gone": True}
    daemon.wait_for(lambda: gone in daemon.results(job["id"], wait=0)[0], "the line of the one that is gone")


def test_indexes_hold_them(daemon, photos):
    create(daemon, model="rows")
    wait_ready(daemon, rows=len(NAMES))
    for name, marked in SHOWN:
        hits = daemon.post("/v1/indexes/like/search", {"object": name, "encoded": marked, "k": 20}).json()["hits"]
        assert sorted(shown(hits)) == sorted(SHOWN)
    found = daemon.post("/v1/indexes/like/search",
                        {"object": "photos/caf%25E9.png", "prefix": "photos/caf%E9", "encoded": True}).json()
    assert sorted(shown(found["hits"])) == sorted(SHOWN[4:6])
    found = daemon.post("/v1/indexes/like/search", {"objects": [
        {"object": name, "encoded": marked} for name, marked in SHOWN], "k": 1, "prefix": "photos/z"}).json()
    assert [shown(r["hits"]) for r in found["results"]] == [[SHOWN[-1]]] * len(NAMES)
    groups = daemon.get("/v1/indexes/like/duplicates?min_score=0.99").content.splitlines()
    assert sorted(sum((shown(json.loads(g)["group"]) for g in groups[:-1]), [])) == sorted(SHOWN)
    exported = daemon.get("/v1/indexes/like/vectors").content
    assert shown(map(json.loads, exported.splitlines()[:-1])) == SHOWN
    assert send(daemon, "copy", exported).status_code == 201
    assert daemon.get("/v1/indexes/copy/vectors").content == exported
    bad = json.dumps({"object": "photos/%", "encoded": True,
                      "embedding": base64.b64encode(bytes(4)).decode()}).encode()
    assert send(daemon, "bad", bad).status_code == 400
    daemon.kill()
    daemon.start()
    assert daemon.get("/v1/indexes/like/vectors").content == exported


def test_an_index_over_such_a_prefix(daemon):
    made = create(daemon, model="rows", select={"store": "photos", "prefix": "f%FCr/", "encoded": True})
    assert {"store": "photos", "prefix": "f%FCr/", "glob": None, "encoded": True}.items() <= made["select"].items()
    wait_ready(daemon, rows=2)
    daemon.kill()
    daemon.start()
    assert wait_ready(daemon, rows=2)["select"] == made["select"]


def test_v2_takes_them(daemon):
    def ask(input_parameters, data, status=200, **more):
        r = daemon.post("/v2/models/quick/infer", {
            "inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(data)], "data": data,
                        "parameters": {"stored_object": True, **input_parameters}}], **more})
        assert r.status_code == status, r.text
        return r.json()
    plain = ask({}, [name for name, marked in SHOWN if not marked])
    assert plain["outputs"][0]["shape"][0] == 5
    encoded = [name if marked else name.replace("%", "%25") for name, marked in SHOWN]
    everything = ask({"encoded": True}, encoded)["outputs"][0]
    assert everything["shape"][0] == len(NAMES)
    partial = ask({"encoded": True}, encoded[:1] + ["photos/no%E9"],
                  parameters={"on_error": "partial"})["parameters"]["errors"]
    assert shown(partial) == [("photos/no%E9", True)]
    assert "%" in ask({"encoded": True}, ["photos/%E"], status=400)["error"]
    elements = b"".join(len(k).to_bytes(4, "little") + k for k in (b"photos/" + k for k in KEYS))
    head = json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(KEYS)], "parameters": {
        "stored_object": True, "binary_data_size": len(elements)}}]}).encode()
    r = requests.post(f"{daemon.url}/v2/models/quick/infer", data=head + elements, timeout=20, headers={
        **OCTETS, "Inference-Header-Content-Length": str(len(head))})
    assert r.status_code == 200 and r.json()["outputs"][0]["data"] == everything["data"], r.text


def test_the_command_takes_and_gives_them(daemon, tmp_path):
    names = [b"photos/" + key for key in KEYS]
    listed = run_situ(daemon, "object", "list", "photos", "-0").stdout
    assert listed == b"".join(name + b"\0" for name in names)
    for many in (1, 600):  # in JSON, and as text
        lines = run_situ(daemon, "infer", "-0", "quick", "-", "-f", "jsonl", input=listed * many).stdout
        assert shown(map(json.loads, lines.splitlines())) == SHOWN * many
    lines = run_situ(daemon, "infer", "quick", b"photos/f\xfcr/", "-f", "jsonl").stdout
    assert shown(map(json.loads, lines.splitlines())) == SHOWN[6:8]
    assert b"photos/caf%E9.png" in run_situ(daemon, "infer", "quick", names[4]).stdout
    csv = run_situ(daemon, "infer", "quick", "photos", "-f", "csv").stdout.decode()
    assert "photos/f%FCr/100%25.png," in csv
    rows = run_situ(daemon, "object", "list", "photos", "--json").stdout
    assert shown(map(json.loads, rows.splitlines())) == SHOWN
    create(daemon, model="rows")
    wait_ready(daemon, rows=len(NAMES))
    found = run_situ(daemon, "search", "like", names[5], "-f", "jsonl", "--html", tmp_path / "page.html",
                     "--hits", "20").stdout
    assert sorted(shown(map(json.loads, found.splitlines()))) == sorted(SHOWN)
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/jpeg") == 1 + len(NAMES) and "no picture" not in page
    groups = run_situ(daemon, "duplicates", "like", "--min-score", "0.9", "-f", "jsonl").stdout
    assert sorted(sum((shown(json.loads(g)["group"]) for g in groups.splitlines()), [])) == sorted(SHOWN)
    run_situ(daemon, "index", "export", "-0", "like", tmp_path / "rows.npy")
    assert (tmp_path / "rows.names").read_bytes() == listed
    run_situ(daemon, "index", "export", "like", tmp_path / "lines.npy")
    run_situ(daemon, "index", "import", "copy", tmp_path / "lines.npy")
    assert daemon.get("/v1/indexes/copy/vectors").content == daemon.get("/v1/indexes/like/vectors").content


def test_the_command_takes_bytes_in_prefixes_globs_and_files(daemon, photos):
    def lines(*args, **more):
        return shown(map(json.loads, run_situ(daemon, *args, "-f", "jsonl", **more).stdout.splitlines()))
    assert lines("infer", "quick", "photos", "--glob", b"*\xff*") == [SHOWN[7]]
    assert lines("infer", "quick", b"photos/f\xfcr/", "--glob", "*.png") == [SHOWN[6]]
    assert lines("infer", "--upload", "quick", os.fsencode(photos) + b"/caf\xe9.png") == [
        (str(photos) + "/caf%E9.png", True)]
    id = run_situ(daemon, "infer", "--detach", "quick", b"photos/f\xfcr/").stdout.decode().strip()
    daemon.wait_for_job(id, "done")
    assert b"f%FCr/" in run_situ(daemon, "job", "show", id).stdout
    run_situ(daemon, "index", "create", "latin", "--model", "rows", "--store", "photos", "--prefix", b"f\xfcr/")
    wait_ready(daemon, "latin", rows=2)
    assert lines("search", "latin", names_of(6), "--prefix", b"photos/f\xfcr/\xff") == [SHOWN[7]]
    assert lines("search", "latin", photos / "caf%E9.png", "--prefix", b"photos/f\xfcr/\xff") == [SHOWN[7]]
    err = run_situ(daemon, "infer", "quick", b"photos/no\xe9.png", status=1).stderr
    assert b"\xe9" not in err and b"photos/no" in err


def names_of(index):
    return b"photos/" + KEYS[index]


def test_results_of_an_earlier_version_are_tried_again(daemon, photos):
    """Earlier a line had no mark, and every name that was not UTF-8 failed."""
    id = daemon.start_job("quick", {"store": "photos", "prefix": "none/"})["id"]
    daemon.wait_for_job(id, "done")
    assert daemon.stop() == 0
    text = '{"object":"photos/caf%E9.png","error":{"code":"malformed","message":"the name is not UTF-8"}'
    line = text + ',"log":"! '
    folder = daemon.directory / "state/jobs" / id
    (folder / "results.ndjson").write_text(f'{line}{crc32c(line.encode()):08x}"}}\n')
    job = json.loads((folder / "job.json").read_text())
    if "crc" not in job:
        (folder / "job.json").write_text(json.dumps({**job, "selected": 1}))
    daemon.start()
    lines, _ = daemon.results(id)
    assert lines == [json.loads(text + "}")]
    again = daemon.act(id, "retry").json()["id"]
    daemon.wait_for_job(again, "done")
    lines, _ = daemon.results(again)
    assert shown(lines) == [SHOWN[4]] and "classes" in lines[0]


def crc32c(data):
    value = 0xffffffff
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
    return value ^ 0xffffffff
