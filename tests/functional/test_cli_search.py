# SPDX-License-Identifier: Apache-2.0
"""situ index, search, duplicates and thumbnail with the real daemon, over drawn pictures: results are those of
numpy over the exported rows; pages, files of this machine, import, changes; bytes on the wire."""

import base64
import html.parser
import io
import json
import re
import shutil
import subprocess
import time

import pytest

from conftest import BUILD

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")

COUNT = 60


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """Pictures, each named for its kind."""
    folder = tmp_path_factory.mktemp("drawn") / "photos"
    program = BUILD / "demo/situ-draw"
    if not program.exists():
        pytest.skip("situ-draw is not built")
    subprocess.run([program, "--count", str(COUNT), "--seed", "11", "--size", "96-160", "--out", folder],
                   check=True, timeout=60)
    return folder


@pytest.fixture
def photos(tmp_path, drawn):
    return shutil.copytree(drawn, tmp_path / "photos")


@pytest.fixture
def array(situd, photos, demo_models, situ_cli):
    """A daemon with the index `alike` over all pictures."""
    if not (demo_models / "demo-features/model.onnx").exists():
        pytest.skip("demo/models/demo-features is missing")
    daemon = situd("--store", f"photos={photos}", "--models", demo_models)
    made = situ_cli(daemon, "index", "create", "alike", "--model", "demo-features", "--store", "photos",
                    "--interval", 1, "--wait")
    assert (made.returncode, made.stdout, made.stderr) == (0, "", f"{COUNT} rows\n")
    return daemon


def rows(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def names_of(lines):
    return [line["object"] for line in lines]


def exported(array, situ_cli, folder, index="alike"):
    """(names, rows)"""
    done = situ_cli(array, "index", "export", index, folder / "rows.npy")
    assert done.returncode == 0, done.stderr
    return (folder / "rows.names").read_text().splitlines(), np.load(folder / "rows.npy")


def test_the_nearest_are_those_that_numpy_finds(array, situ_cli, photos, tmp_path):
    names, values = exported(array, situ_cli, tmp_path)
    assert names == sorted(f"photos/{path.name}" for path in photos.iterdir())
    assert values.dtype == np.float32 and values.shape == (COUNT, 96)
    doubles = values.astype(np.float64)
    doubles /= np.linalg.norm(doubles, axis=1, keepdims=True)
    scores = doubles @ doubles.T
    for query in range(0, COUNT, 7):
        order = sorted(range(COUNT), key=lambda i: (-scores[query, i], names[i]))
        hits = rows(situ_cli(array, "search", "alike", names[query], "-f", "jsonl"))
        assert names_of(hits) == [names[i] for i in order[:10]]
        assert [hit["score"] for hit in hits] == pytest.approx([scores[query, i] for i in order[:10]], abs=2e-6)
        others = rows(situ_cli(array, "search", "alike", names[query], "-f", "jsonl", "--no-self", "-k", 3))
        assert names_of(others) == [names[i] for i in order if i != query][:3]


def test_a_stored_object_a_file_and_its_copy_find_the_same(array, situ_cli, photos, tmp_path):
    name = sorted(path.name for path in photos.iterdir())[5]
    by_name = rows(situ_cli(array, "search", "alike", f"photos/{name}", "-f", "jsonl"))
    shutil.copy(photos / name, tmp_path / "mine.jpg")
    by_file = rows(situ_cli(array, "search", "alike", tmp_path / "mine.jpg", "-f", "jsonl"))
    assert names_of(by_file) == names_of(by_name)
    assert [h["score"] for h in by_file] == pytest.approx([h["score"] for h in by_name], abs=1e-5)
    kind = name.rsplit("-", 1)[0]
    only = rows(situ_cli(array, "search", "alike", f"photos/{name}", "-f", "jsonl", "--prefix", f"photos/{kind}",
                         "--min-score", "0.3"))
    assert only and all(h["object"].startswith(f"photos/{kind}") and h["score"] >= 0.3 for h in only)


def test_a_search_by_name_crosses_the_wire_in_a_kilobyte_and_a_half(array, situ_cli, photos):
    name = sorted(path.name for path in photos.iterdir())[9]

    def wire():
        now = array.status()
        return now["bytes_sent"] + now["bytes_received"]

    looks = 0

    def is_gone():
        nonlocal looks
        looks += 1
        return array.status()["connections"] <= connections

    before = wire()
    own = wire() - before  # of a status request itself
    connections = array.status()["connections"]
    before = wire()
    done = situ_cli(array, "search", "alike", f"photos/{name}", "-k", 10)
    assert done.returncode == 0, done.stderr
    array.wait_for(is_gone, "the connection to be closed, and counted")
    spent = wire() - before - own * (looks + 1)
    told = re.search(r"10 found, ([\d.]+) (B|kB) over the network", done.stderr)
    assert float(told[1]) * {"B": 1, "kB": 1000}[told[2]] < 1500
    assert 200 < spent < 1500


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.images, self.tags, self.text = [], set(), ""
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data):
        self.text += data


def test_the_page_has_the_pictures_in_it(array, situ_cli, photos, tmp_path):
    name = sorted(path.name for path in photos.iterdir())[3]
    page = tmp_path / "alike.html"
    done = situ_cli(array, "search", "alike", f"photos/{name}", "-k", 5, "--html", page, "-f", "jsonl")
    hits = rows(done)
    seen = Page(page)
    assert [image["alt"] for image in seen.images] == [f"photos/{name}", *names_of(hits)]
    for image in seen.images:
        kind, _, data = image["src"].partition(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert picture.format == "JPEG" and max(picture.size) <= 192
    assert not seen.tags & {"script", "link", "iframe"}
    assert page.stat().st_size < 100000
    assert "http" not in seen.text.replace("http-equiv", "")


def test_new_changed_and_gone_objects_are_seen(array, situ_cli, photos, tmp_path):
    names = sorted(path.name for path in photos.iterdir())
    shutil.copy(photos / names[0], photos / "zz-copy.jpg")

    def nearest(name):
        done = situ_cli(array, "search", "alike", f"photos/{name}", "-k", 1, "--no-self", "-f", "jsonl")
        return rows(done)[0]["object"] if done.returncode == 0 else None

    array.wait_for(lambda: nearest(names[0]) == "photos/zz-copy.jpg", "the copy to be found")
    groups = rows(situ_cli(array, "duplicates", "alike", "--min-score", "0.99999", "-f", "jsonl"))
    assert [names_of(one["group"]) for one in groups] == [[f"photos/{names[0]}", "photos/zz-copy.jpg"]]
    table = situ_cli(array, "duplicates", "alike", "--min-score", "0.99999")
    assert table.stderr == f"1 groups of 2 objects, among {COUNT + 1}\n"
    (photos / "zz-copy.jpg").unlink()
    array.wait_for(lambda: nearest(names[0]) not in ("photos/zz-copy.jpg", None), "the copy to be gone")
    assert rows(situ_cli(array, "duplicates", "alike", "--min-score", "0.99999", "-f", "jsonl")) == []


def test_rows_go_out_in_and_are_searched_by_an_image(array, situ_cli, photos, tmp_path):
    names, values = exported(array, situ_cli, tmp_path)
    done = situ_cli(array, "index", "import", "mine", tmp_path / "rows.npy", "--model", "demo-features")
    assert (done.returncode, done.stderr) == (0, f"{COUNT} rows\n")
    again, back = exported(array, situ_cli, tmp_path, "mine")
    assert again == names and np.array_equal(back, values)
    query = photos / names[4].split("/", 1)[1]
    assert names_of(rows(situ_cli(array, "search", "mine", query, "-f", "jsonl"))) == \
        names_of(rows(situ_cli(array, "search", "alike", query, "-f", "jsonl")))
    np.save(tmp_path / "doubles.npy", values.astype(np.float64) * 3)
    (tmp_path / "doubles.names").write_text("".join(f"elsewhere/{i}\n" for i in range(COUNT)))
    done = situ_cli(array, "index", "import", "other", tmp_path / "doubles.npy", "--metric", "dot", "--json")
    assert json.loads(done.stdout)["metric"] == "dot" and json.loads(done.stdout)["rows"] == COUNT
    listed = situ_cli(array, "index", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["NAME", "alike", "mine", "other"]
    assert situ_cli(array, "index", "import", "mine", tmp_path / "rows.npy").returncode == 2
    assert situ_cli(array, "index", "remove", "mine", "other").returncode == 0


def test_failed_objects_rebuild_and_faults(array, situ_cli, photos, tmp_path):
    (photos / "zz-bad.jpg").write_bytes(b"no image")
    done = situ_cli(array, "index", "create", "more", "--model", "demo-features@1", "--store", "photos", "--wait")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{COUNT} rows, 1 object failed: situ job follow ")
    done = situ_cli(array, "index", "rebuild", "alike", "--model", "demo-features", "--wait")
    assert done.returncode in (0, 1) and done.stderr.startswith(f"{COUNT} rows")
    for arguments, words in ((("index", "create", "x", "--model", "demo", "--store", "photos"), "gives no embeddings"),
                             (("index", "create", "alike", "--model", "demo-features", "--store", "photos"), "there"),
                             (("index", "show", "none"), "no index 'none'"), (("search", "none", "photos/x"), "none"),
                             (("search", "alike", "photos/none.jpg"), "none.jpg"),
                             (("search", "alike", "photos/zz-bad.jpg"), "photos/zz-bad.jpg: not a JPEG"),
                             (("search", "alike", photos / "zz-bad.jpg"), "zz-bad.jpg: not a JPEG"),
                             (("thumbnail", "photos/zz-bad.jpg"), "photos/zz-bad.jpg: not a JPEG"),
                             (("duplicates", "none"), "no index 'none'"),
                             (("index", "export", "none", tmp_path / "x.npy"), "no index 'none'")):
        done = situ_cli(array, *arguments)
        assert done.returncode == 2 and words in done.stderr, (arguments, done.stderr)


def test_a_thumbnail(array, situ_cli, photos, tmp_path):
    name = sorted(path.name for path in photos.iterdir())[0]
    done = situ_cli(array, "thumbnail", f"photos/{name}", "--output", tmp_path / "t.jpg", "--edge", 48)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "t.jpg") as picture:
        assert picture.format == "JPEG" and max(picture.size) == 48
