# SPDX-License-Identifier: Apache-2.0
"""Indexes, searches, duplicates and thumbnails of the built `situ` (and of a small program on libsitu)
against a fake array.

test_indexes.py SITU PROBE: run by meson; unittest, standard library only."""

import ast
import base64
import csv
import html.parser
import io
import json
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import case  # noqa: E402
import fake_indexes  # noqa: E402
from case import Case  # noqa: E402


class Indexes(Case):
    def setUp(self):
        super().setUp()
        self.fake.fill(30)

    def make(self, name="like"):
        self.situ("index", "create", name, "--model", "clip", "--store", "photos", status=0)
        self.fake.requests.clear()

    def hits(self, query, **asked):
        """What the fake finds."""
        index = self.fake.indexes["like"]
        return fake_indexes.IndexesMixin.hits(None, index, fake_indexes.vector_of(query), asked)


class Care(Indexes):
    def test_what_an_index_is_asked_to_be(self):
        self.situ("index", "create", "like", "-m", "clip@2", "--store", "photos", "--prefix", "2024/", "--glob",
                  "*.jpg", "--metric", "dot", "--interval", "5", status=0)
        method, path, query, body = self.fake.requests[0]
        self.assertEqual((method, path, query), ("POST", "/v1/indexes", {}))
        self.assertEqual(json.loads(body), {
            "name": "like", "model": "clip@2", "metric": "dot", "interval_s": 5,
            "select": {"store": "photos", "prefix": "2024/", "glob": "*.jpg"}})
        self.make("other")
        self.assertEqual(self.fake.indexes["other"].asked,
                         {"name": "other", "model": "clip", "select": {"store": "photos"}})

    def test_listed_shown_and_removed(self):
        self.make("b-like")
        self.make("a-like")
        lines = self.situ("index", "list", status=0).out.splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "MODEL", "SELECTION", "METRIC", "ROWS", "FAILED", "STATE", "SIZE"])
        self.assertEqual(lines[1].split(), ["a-like", "clip@2", "photos/", "cosine", "30/30", "0", "ready", "1.0", "kB"])
        listed = json.loads(self.situ("index", "list", "--json", status=0).out)
        self.assertEqual([one["name"] for one in listed["indexes"]], ["a-like", "b-like"])
        shown = self.situ("index", "show", "a-like", status=0).out
        for words in ("clip@2", "photos/", "cosine", "ready", "30 of 30, 0 failed, 0 damaged", "job00001"):
            self.assertIn(words, shown)
        self.assertEqual(json.loads(self.situ("index", "show", "a-like", "--json", status=0).out),
                         listed["indexes"][0])
        done = self.situ("index", "remove", "a-like", "nosuch", "b-like", status=1)
        self.assertIn("no index 'nosuch'\nsitu: see 'situ index list'\n", done.err)
        self.assertEqual(self.fake.indexes, {})

    def test_waiting_for_the_first_pass(self):
        self.fake.stores["photos"][b"x.bad"] = 1
        self.fake.filling = 3
        done = self.situ("index", "create", "like", "--model", "clip", "--store", "photos", "--wait", status=1)
        self.assertEqual(done.err, "30 rows, 1 object failed: situ job follow job00001\n")
        self.assertEqual(self.fake.filling, 0)
        self.fake.filling = 2
        done = self.situ("index", "rebuild", "like", "--model", "clip@3", "--wait", "--json", status=1)
        self.assertEqual(self.paths()[-4:], ["/v1/indexes/like/rebuild"] + 3 * ["/v1/indexes/like"])
        self.assertEqual(self.fake.indexes["like"].asked["model"], "clip@3")
        self.fake.filling, self.fake.stuck = 1, ("failed", {"code": "not_found", "message": "the model is gone"})
        done = self.situ("index", "create", "lost", "--model", "clip", "--store", "photos", "--wait", status=1)
        self.assertEqual(done.err, "situ: index lost: the model is gone\n")

    def test_the_wait_shows_how_far_it_is_and_can_be_ended(self):
        self.fake.filling = 1000
        status, shown, _ = self.on_terminal("index", "create", "like", "--model", "clip", "--store", "photos",
                                            "--wait", interrupt_after=b"30/30 objects")
        self.assertEqual(status, 130)
        self.assertIn("index like goes on; see 'situ index show like'", shown)
        self.assertIn("like", self.fake.indexes)

    def test_what_cannot_be_done_is_told(self):
        self.make()
        for arguments, words in (
                (("index",), "index create NAME"),
                (("index", "create", "x"), "--model MODEL and --store STORE"),
                (("index", "create", "x", "--model", "clip", "--store", "a/b"), "--store takes the name"),
                (("index", "create", "x", "--model", "clip", "--store", "nosuch"), "no store 'nosuch'"),
                (("index", "create", "x", "--model", "cnn", "--store", "photos"), "gives no embeddings"),
                (("index", "create", "like", "--model", "clip", "--store", "photos"), "is there already"),
                (("index", "create", "../x", "--model", "clip", "--store", "photos"), "index '../x'"),
                (("index", "create", "x", "--model", "clip", "--store", "photos", "--interval", "0"), "--interval"),
                (("index", "rebuild", "like"), "rebuild wants --model"),
                (("index", "show", "nosuch"), "no index 'nosuch'"),
                (("index", "export", "nosuch", os.path.join(self.folder, "x.npy")), "no index 'nosuch'"),
                (("search", "nosuch", "photos/a.jpg"), "no index 'nosuch'"),
                (("search", "like"), "give an index, and an object or a file"),
                (("search", "like", "photos/a.jpg", "-k", "0"), "-k takes"),
                (("search", "like", "photos/a.jpg", "--min-score", "high"), "--min-score takes"),
                (("search", "like", "photos/a.jpg", "--format", "npy"), "--format is table, jsonl or csv"),
                (("search", "like", "photos/none.jpg"), "'none.jpg' is not in the store"),
                (("duplicates",), "give an index"),
                (("duplicates", "nosuch"), "no index 'nosuch'"),
                (("duplicates", "like", "--min-score", "nan"), "--min-score takes"),
                (("thumbnail",), "give an object"),
                (("thumbnail", "photos"), "give STORE/KEY"),
                (("thumbnail", "photos/a.jpg", "--edge", "8"), "--edge takes")):
            with self.subTest(arguments=arguments):
                done = self.situ(*arguments, status=2)
                self.assertIn(words, done.err)
                self.assertEqual(done.out, "")


class Search(Indexes):
    query = "photos/2024/000007.jpg"

    def setUp(self):
        super().setUp()
        self.make()

    def test_by_a_stored_object_is_one_short_exchange(self):
        done = self.situ("search", "like", self.query, "-k", "3", status=0)
        self.assertEqual(len(self.fake.requests), 1)
        method, path, query, body = self.fake.requests[0]
        self.assertEqual((method, path, query), ("POST", "/v1/indexes/like/search", {}))
        self.assertEqual(body.decode(), '{"object":"%s","k":3}' % self.query)
        rows = [line.split() for line in done.out.splitlines()]
        self.assertEqual(rows[0], ["OBJECT", "SCORE", "DISTANCE"])
        self.assertEqual(rows[1:], [[h["object"], "%.4f" % h["score"], "%.4f" % abs(h["distance"])]
                                    for h in self.hits(self.query, k=3)])
        self.assertRegex(done.err, r"^3 found, \d+ B over the network\n$")

    def test_options_and_formats(self):
        done = self.situ("search", "like", self.query, "--prefix", "photos/2024/00001", "--min-score", "-0.5",
                         "--no-self", "-f", "jsonl", "-q", status=0)
        self.assertEqual(json.loads(self.fake.requests[-1][3]),
                         {"object": self.query, "prefix": "photos/2024/00001", "min_score": -0.5, "self": False})
        self.assertEqual([json.loads(line) for line in done.out.splitlines()],
                         self.hits(self.query, prefix="photos/2024/00001", min_score=-0.5))
        self.assertEqual(done.err, "")
        done = self.situ("search", "like", self.query, "-f", "csv", "--hits=2", status=0)
        rows = list(csv.reader(io.StringIO(done.out)))
        self.assertEqual(rows[0], ["object", "rank", "score", "distance"])
        self.assertEqual([(r[0], r[1], float(r[2])) for r in rows[1:]],
                         [(h["object"], str(i + 1), h["score"]) for i, h in enumerate(self.hits(self.query, k=2))])

    def test_files_of_this_machine(self):
        self.file("cat.jpg", b"\xff\xd8 a cat")
        self.file("photos/2024/000007.jpg", b"\xff\xd8 another")
        self.file("pets/cat.jpg", b"\xff\xd8 a third")
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        asked = [("cat.jpg", b"\xff\xd8 a cat"), (os.path.join(self.folder, "cat.jpg"), b"\xff\xd8 a cat"),
                 ("./pets/cat.jpg", b"\xff\xd8 a third"), ("pets/cat.jpg", b"\xff\xd8 a third")]
        for name, content in asked:
            done = self.situ("search", "like", name, "-k4", "--min-score", "0.25", "-fjsonl", status=0)
            method, path, query, body = self.fake.requests[-1]
            self.assertEqual((path, query, body), ("/v1/indexes/like/search", {"k": "4", "min_score": "0.25"}, content))
            self.assertEqual([json.loads(line) for line in done.out.splitlines()],
                             self.hits(content.decode("latin-1"), k=4, min_score=0.25))
        self.situ("search", "like", self.query, status=0)
        self.assertIn(b'"object"', self.fake.requests[-1][3])  # stored, whatever files are here
        self.situ("search", "like", self.query, "--upload", status=0)
        self.assertEqual(self.fake.requests[-1][3], b"\xff\xd8 another")

    def test_files_and_objects_that_are_not_there(self):
        self.assertIn("none.jpg: No such file", self.situ("search", "like", "none.jpg", status=2).err)
        self.assertIn("no store 'pets'", self.situ("search", "like", "pets/none.jpg", status=2).err)
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        self.file("photos/here.jpg", b"\xff\xd8")
        done = self.situ("search", "like", "photos/here.jpg", status=2)
        self.assertIn("there is a file 'photos/here.jpg' on this machine: --upload searches by it", done.err)
        self.assertIn("'here.jpg' is not in the store", done.err)
        self.file("text.txt", b"text")
        self.assertIn("text.txt: not a JPEG", self.situ("search", "like", "text.txt", status=2).err)

    def test_an_index_without_rows_is_asked_again_and_then_told(self):
        self.fake.indexes["like"].rows = {}
        self.assertIn("no row yet", self.situ("search", "like", self.query, status=2).err)

    def test_one_page_with_everything_in_it(self):
        strange = "photos/<script>alert(1)</script>&\"'\x1b[1m.jpg"
        self.fake.stores["photos"][strange.split("/", 1)[1].encode()] = 1
        self.fake.indexes["like"].rows[strange] = fake_indexes.vector_of(self.query)
        gone = "elsewhere/gone.jpg"
        self.fake.indexes["like"].rows[gone] = fake_indexes.vector_of(self.query)
        path = os.path.join(self.folder, "like.html")
        done = self.situ("search", "like", self.query, "-k5", "--html", path, status=0)
        self.assertEqual(len(done.out.splitlines()), 6)
        page = Page(path)
        names = [h["object"] for h in self.hits(self.query, k=5)]
        self.assertIn(gone, names)
        shown = strange.replace("\x1b", "\\x1b")
        self.assertEqual([i["alt"] for i in page.images],
                         [shown if n == strange else n for n in [self.query] + names if n != gone])
        for image, name in zip(page.images, [n for n in [self.query] + names if n != gone]):
            kind, _, data = image["src"].partition(",")
            self.assertEqual(kind, "data:image/jpeg;base64")
            self.assertEqual(base64.b64decode(data), fake_indexes.THUMBNAIL + name.encode() + b" 192")
        self.assertEqual(page.tags & {"script", "link", "iframe", "object", "b"}, set())
        self.assertEqual([v for v in page.addresses if not v.startswith("data:")], [])
        for words in (shown, gone, "no picture", "1.0000", "like"):
            self.assertIn(words, page.text)
        self.assertNotIn("\x1b", page.text)
        self.assertIn("prefers-color-scheme: dark", page.text)
        self.assertEqual(os.listdir(self.folder), ["like.html"])

    def test_a_page_for_a_file(self):
        path = os.path.join(self.folder, "like.html")
        small = self.file("cat.jpg", b"\xff\xd8\xff a cat")
        self.situ("search", "like", small, "-k1", "--html", path, status=0)
        page = Page(path)
        self.assertEqual(base64.b64decode(page.images[0]["src"].split(",")[1]), b"\xff\xd8\xff a cat")
        self.assertEqual(len(page.images), 2)
        large = self.file("cat.jpg", b"\xff\xd8\xff" + bytes(2 << 20))
        self.situ("search", "like", large, "-k1", "--html", path, status=0)
        self.assertLess(os.path.getsize(path), 10000)
        self.assertEqual(len(Page(path).images), 1)

    def test_a_page_that_cannot_be_written(self):
        done = self.situ("search", "like", self.query, "--html", "/nonexistent/x.html", status=2)
        self.assertIn("cannot write '/nonexistent/x.html.part': No such file", done.err)

    def test_from_c(self):
        done = self.situ(self.query, program=case.PROBE, PROBE_MODE="search", status=0)
        lines = done.out.splitlines()
        self.assertEqual(lines[:3], ["%s %.4f" % (h["object"], h["score"]) for h in self.hits(self.query, k=3)])
        batches = [json.loads(r[3])["vectors"] for r in self.fake.requests if b'"vectors"' in r[3]]
        self.assertEqual([len(b) for b in batches], [64, 64, 2])
        self.assertEqual(lines[3], "130 queries, 0 out of place")
        self.assertEqual(lines[4], "import 3 rows of 2")
        self.assertEqual(self.fake.indexes["made"].rows, {"a/0": [0.0, 0.5], "a/1": [1.0, 1.5], "a/2": [2.0, 2.5]})


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.images, self.tags, self.addresses, self.text = [], set(), [], ""
        with open(path, encoding="utf-8") as page:
            self.feed(page.read())

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        given = dict(attrs)
        self.addresses += [given[k] for k in ("src", "href") if k in given]
        if tag == "img":
            self.images.append(given)

    def handle_data(self, data):
        self.text += data


class Duplicates(Indexes):
    def setUp(self):
        super().setUp()
        self.make()
        rows = self.fake.indexes["like"].rows
        rows.clear()
        rows.update({"photos/a, 1.jpg": [1, 0], "photos/b.jpg": [1, 0], "photos/c.jpg": [0, 1],
                     "photos/d.jpg": [-1, 0], "photos/e.jpg": [-1, 0.0], "photos/f.jpg": [-0.999, 0.0]})

    def test_groups_in_every_form(self):
        done = self.situ("duplicates", "like", status=0)
        self.assertEqual([line.rsplit(None, 1)[0].split(None, 1) for line in done.out.splitlines()],
                         [["GROUP", "OBJECT"], ["1", "photos/a, 1.jpg"], ["1", "photos/b.jpg"], ["2", "photos/d.jpg"],
                          ["2", "photos/e.jpg"], ["2", "photos/f.jpg"]])
        self.assertEqual(done.err, "2 groups of 5 objects, among 6\n")
        self.assertEqual(self.fake.requests[-1][2], {"min_score": "0.97999999999999998"})
        done = self.situ("duplicates", "like", "--min-score", "1", "-f", "jsonl", "-q", status=0)
        self.assertEqual([json.loads(line) for line in done.out.splitlines()],
                         [{"group": [{"object": a, "score": 1}, {"object": b, "score": 1}]}
                          for a, b in (("photos/a, 1.jpg", "photos/b.jpg"), ("photos/d.jpg", "photos/e.jpg"))])
        self.assertEqual(done.err, "")
        done = self.situ("duplicates", "like", "-f", "csv", status=0)
        rows = list(csv.reader(io.StringIO(done.out)))
        self.assertEqual(rows[:2], [["group", "object", "score"], ["1", "photos/a, 1.jpg", "1"]])
        self.assertEqual(len(rows), 6)

    def test_none(self):
        done = self.situ("duplicates", "like", "--min-score", "1.5", status=0)
        self.assertEqual((done.out, done.err), ("", "0 groups of 0 objects, among 6\n"))

    def test_rows_that_were_not_compared_are_told(self):
        self.fake.indexes["like"].damaged = {"damaged": 2}
        done = self.situ("duplicates", "like", "-q", status=1)
        self.assertEqual(done.err, "situ: 2 rows of the index cannot be read now, and were not compared\n")
        self.assertEqual(len(done.out.splitlines()), 6)

    def test_progress_is_asked_for_where_there_is_a_bar(self):
        self.on_terminal("duplicates", "like")
        self.assertEqual(self.fake.requests[-1][2]["progress"], "1")

    def test_a_cut_is_told(self):
        self.fake.cuts, self.fake.torn = [1], True
        done = self.situ("duplicates", "like", status=1)
        self.assertRegex(done.err, "the exchange with the array .* failed|was cut")
        self.assertEqual(len(done.out.splitlines()), 3)
        self.fake.more_lines = [{"error": {"code": "io", "message": "the disk fails"}}]
        self.assertIn("the disk fails", self.situ("duplicates", "like", status=1).err)


class Rows(Indexes):
    def npy(self, name, rows, width, kind="f", header_bytes=118):
        header = "{'descr': '<f%d', 'fortran_order': False, 'shape': (%d, %d), }" % (
            4 if kind == "f" else 8, len(rows), width)
        text = (header.ljust(header_bytes - 1) + "\n").encode()
        data = struct.pack(f"<{len(rows) * width}{kind}", *[v for row in rows for v in row])
        return self.file(name, b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data)

    def test_out_and_in_again(self):
        self.make()
        self.fake.compress = True
        path = os.path.join(self.folder, "like.npy")
        done = self.situ("index", "export", "like", path, status=0)
        self.assertEqual(done.err, "30 rows\n")
        with open(path, "rb") as file:
            data = file.read()
        header = ast.literal_eval(data[10:128].decode())
        self.assertEqual((header["shape"], header["descr"]), ((30, 2), "<f4"))
        with open(os.path.join(self.folder, "like.names")) as names:
            self.assertEqual(names.read().splitlines(), sorted(self.fake.indexes["like"].rows))
        done = self.situ("index", "import", "copy", path, "--metric", "dot", "--model", "clip@2", status=0)
        self.assertEqual(done.err, "30 rows\n")
        self.assertEqual(self.fake.requests[-1][1:3], ("/v1/indexes/copy/vectors", {"metric": "dot", "model": "clip@2"}))
        again = {n: struct.unpack("<2f", struct.pack("<2f", *v)) for n, v in self.fake.indexes["like"].rows.items()}
        self.assertEqual({n: tuple(v) for n, v in self.fake.indexes["copy"].rows.items()}, again)
        self.assertIn("imported", self.situ("index", "list", status=0).out)

    def test_names_of_any_bytes_come_back_as_they_were(self):
        keys = ["a\nb.jpg", "a\\nb.jpg", "c.jpg", "c.jpg\r", "d\\", "d\\\\.jpg", "d\\\n", "d\r\n.jpg", "\\t\\x"]
        self.fake.stores["photos"] = {key.encode(): 1 for key in keys}
        self.make()
        path = os.path.join(self.folder, "x.npy")
        for name, null in (("raw", ["-0"]), ("lines", [])):
            self.situ("index", "export", "like", path, *null, status=0)
            self.situ("index", "import", name, path, *null, status=0)
            self.assertEqual(sorted(self.fake.indexes[name].rows), sorted("photos/" + key for key in keys))
        with open(os.path.join(self.folder, "x.names"), "rb") as names:
            lines = names.read().split(b"\n")
        self.assertEqual(len(lines), len(keys) + 1)
        self.assertIn(b"photos/a\\nb.jpg", lines)

    def test_names_that_others_wrote(self):
        names = self.file("other", b"a/x\r\n\na/\\w\ra/\na/y\\")
        path = self.npy("x.npy", [[1, 2], [3, 4], [5, 6]], 2)
        self.situ("index", "import", "made", path, "--names", names, status=0)
        self.assertEqual(list(self.fake.indexes["made"].rows), ["a/x", "a/\\w\ra/", "a/y\\"])

    def test_doubles_and_names_elsewhere(self):
        names = self.file("other", b"a/x\na/y\n")
        path = self.npy("x.npy", [[0.5, 0.25, 1], [1, 2, 3]], 3, "d")
        self.situ("index", "import", "made", path, "--names", names, status=0)
        self.assertEqual(self.fake.indexes["made"].rows, {"a/x": [0.5, 0.25, 1.0], "a/y": [1.0, 2.0, 3.0]})
        self.assertEqual(self.fake.requests[-1][2], {"metric": "cosine"})

    def test_a_header_with_much_room(self):
        names = self.file("other", b"a/x\n")
        path = self.npy("x.npy", [[1, 2]], 2, header_bytes=65526)
        self.situ("index", "import", "made", path, "--names", names, status=0)
        self.assertEqual(self.fake.indexes["made"].rows, {"a/x": [1, 2]})

    def test_files_that_cannot_be_imported(self):
        good = self.npy("good.npy", [[1, 2], [3, 4]], 2)
        with open(good, "rb") as file:
            data = file.read()
        self.file("good.names", b"a/x\na/y\n")
        for content, words in ((b"text", "is no NumPy file"), (b"", "is no NumPy file"), (data[:60], "is no NumPy file"),
                               (data[:-4], "ends before all its rows"),
                               (data.replace(b"<f4", b">f4"), "other values than float32"),
                               (data.replace(b"(2, 2)", b"(2,)  "), "no array of two dimensions"),
                               (data.replace(b"(2, 2)", b"(2, 0)"), "rows of no values"),
                               (data.replace(b"False", b"True "), "Fortran"),
                               (data.replace(b"(2, 2)", b"(3, 2)"), "has 3 rows")):
            self.file("bad.npy", content)
            self.file("bad.names", b"a/x\na/y\n")
            done = self.situ("index", "import", "x", os.path.join(self.folder, "bad.npy"), status=2)
            self.assertIn(words, done.err)
        os.unlink(os.path.join(self.folder, "bad.names"))
        self.file("bad.npy", data)
        self.assertIn("cannot read names from", self.situ(
            "index", "import", "x", os.path.join(self.folder, "bad.npy"), status=2).err)
        self.assertIn("cannot be read: No such file", self.situ("index", "import", "x", "/nonexistent.npy", status=2).err)
        self.file("good.names", b"a/x\nnoslash\n")
        self.assertIn("row 1: 'noslash' is no name", self.situ("index", "import", "x", good, status=2).err)
        self.file("good.names", b"a/x\na/refused\n")
        self.assertIn("line 2: a name is refused", self.situ("index", "import", "x", good, status=2).err)
        nan = self.npy("nan.npy", [[1, float("nan")]], 2)
        self.file("nan.names", b"a/x\n")
        self.assertIn("'a/x': a value is no finite number", self.situ("index", "import", "x", nan, status=2).err)
        self.assertEqual(self.fake.indexes, {})

    def test_an_export_tells_of_rows_that_are_missing(self):
        self.make()
        self.fake.indexes["like"].damaged = {"damaged": 3}
        done = self.situ("index", "export", "like", os.path.join(self.folder, "like.npy"), status=1)
        self.assertEqual(done.err, "30 rows\nsitu: 3 rows of the index cannot be read now, and are missing\n")
        self.assertEqual(sorted(os.listdir(self.folder)), ["like.names", "like.npy"])

    def test_an_export_that_is_cut_leaves_no_file_that_looks_whole(self):
        self.make()
        self.fake.cuts = [7]
        path = os.path.join(self.folder, "like.npy")
        done = self.situ("index", "export", "like", path, status=1)
        self.assertIn("situ: ", done.err)
        self.assertEqual(sorted(os.listdir(self.folder)), ["like.names.part", "like.npy.part"])


class Thumbnails(Indexes):
    def test_to_a_file_and_to_stdout(self):
        path = os.path.join(self.folder, "t.jpg")
        self.situ("thumbnail", "photos/2024/000001.jpg", "-o", path, "--edge", "64", status=0)
        self.assertEqual(self.fake.requests[-1][1:3], ("/v1/thumbnails/photos/2024/000001.jpg", {"edge": "64"}))
        with open(path, "rb") as file:
            self.assertEqual(file.read(), fake_indexes.THUMBNAIL + b"photos/2024/000001.jpg 64")
        done = self.situ("thumbnail", "photos/2024/000001.jpg", status=0)
        self.assertEqual(done.stdout, fake_indexes.THUMBNAIL + b"photos/2024/000001.jpg 160")
        self.fake.stores["photos"][b"x.bad"] = 1
        self.assertIn("photos/x.bad: not a JPEG", self.situ("thumbnail", "photos/x.bad", status=2).err)
        done = self.situ("thumbnail", "photos/2024/000001.jpg", "-o", "/nonexistent/x", status=2)
        self.assertIn("cannot write '/nonexistent/x': No such file", done.err)


if __name__ == "__main__":
    case.main()
