# SPDX-License-Identifier: Apache-2.0
"""The built `situ` (and a small program on libsitu) against a fake array.

test_cli.py SITU PROBE: run by meson; unittest, standard library only."""

import csv
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import case  # noqa: E402
import fake_situd  # noqa: E402
from case import Case  # noqa: E402

class Formats(Case):
    def test_table_has_aligned_columns_and_an_index_where_there_is_no_label(self):
        self.fake.stores["photos"] = {b"a.jpg": 1000, b"long-name.jpg": 2000}
        done = self.situ("infer", "cnn", "photos/", "--top", "2", status=0)
        lines = done.out.splitlines()
        self.assertEqual(lines[0].split(), ["OBJECT", "LABEL", "SCORE", "LABEL", "SCORE"])
        self.assertEqual(len(lines), 3)
        self.assertEqual(len({line.index("0.5000") for line in lines[1:]}), 1)
        bare = self.situ("infer", "bare", "photos/a.jpg", status=0)
        index = sum(b"a.jpg") % len(fake_situd.LABELS)
        self.assertEqual(bare.out.splitlines()[1].split(), ["photos/a.jpg", str(index), "0.5000"])

    def test_control_bytes_of_names_and_labels_never_reach_the_table(self):
        for i in range(6):
            self.fake.stores["photos"][b"x\x1b]0;%d\x07\nb.jpg" % i] = 1
        done = self.situ("infer", "cnn", "photos/", status=0)
        self.assertNotIn("\x1b", done.out)
        self.assertNotIn("\x07", done.out)
        self.assertEqual(len(done.out.splitlines()), 7)
        self.assertIn("\\x1b]0;0\\x07\\nb.jpg", done.out)

    def test_jsonl_is_the_protocols_result_objects(self):
        self.fake.stores["photos"] = {b"a.jpg": 10, b"b.bad": 10, "ü\"\\.jpg".encode(): 10}
        done = self.situ("infer", "cnn", "photos", "--format", "jsonl", "--top", "3", status=1)
        rows = [json.loads(line) for line in done.out.splitlines()]
        expected = [fake_situd.result(self.fake, "cnn", "photos", k, 3, True)
                    for k in sorted(self.fake.stores["photos"])]
        self.assertEqual(rows, expected)

    def test_csv_is_quoted(self):
        for i in range(6):
            self.fake.stores["photos"][f'a,"{i}".jpg'.encode()] = 1
        done = self.situ("infer", "cnn", "photos/", "--format=csv", "-k2", status=0)
        rows = list(csv.reader(io.StringIO(done.out)))
        self.assertEqual(rows[0], ["object", "rank", "index", "label", "score"])
        self.assertEqual(len(rows), 13)
        for row in rows[1:]:
            self.assertEqual(row[3], fake_situd.LABELS[int(row[2])])
        self.assertEqual(rows[1][0], 'photos/a,"0".jpg')

    def test_embeddings_and_tensors(self):
        self.fake.stores["photos"] = {b"a.jpg": 10}
        table = self.situ("infer", "clip", "photos/a.jpg", status=0)
        self.assertEqual(table.out.splitlines()[1].split(),
                         ["photos/a.jpg", "5", "1.0000", "0.6000", "-0.8000", "0.0000", "0.0000", "..."])
        rows = list(csv.reader(io.StringIO(
            self.situ("infer", "clip", "photos/", "-f", "csv", status=0).out)))
        self.assertEqual(rows[0], ["object", "0", "1", "2", "3", "4"])
        self.assertAlmostEqual(float(rows[1][2]), -0.8, places=6)
        lines = self.situ("infer", "net", "photos/a.jpg", status=0).out.splitlines()
        self.assertEqual(lines[1].split(), ["photos/a.jpg", "y", "FP32[1,2]", "0.5", "0.25"])
        self.assertEqual(lines[2].split(), ["photos/a.jpg", "n", "INT64[]", "7"])
        one = json.loads(self.situ("infer", "net", "photos/a.jpg", "-f", "jsonl", status=0).out)
        self.assertEqual(one, fake_situd.result(self.fake, "net", "photos", b"a.jpg", 1, True))


class Infer(Case):
    def test_one_object_is_one_compact_get(self):
        self.fake.fill(1)
        done = self.situ("infer", "cnn@2", "photos/2024/000000.jpg", status=0)
        self.assertEqual([(r[0], r[1], r[2]) for r in self.fake.requests],
                         [("GET", "/v1/infer/cnn/photos/2024/000000.jpg", {"top": "1", "version": "2"})])
        self.assertEqual(set(self.fake.heads[0]), {"Host"})
        self.assertRegex(done.err, r"^1 object, \d+ B over the network, \d+\.\d s\n$")

    def test_names_are_encoded_in_the_path(self):
        key = "a b/%2e?#&+ü;..x".encode()
        self.fake.stores["photos"] = {key: 1}
        done = self.situ("infer", "cnn", "photos/" + key.decode(), "-fjsonl", status=0)
        self.assertEqual(json.loads(done.out)["object"], "photos/" + key.decode())

    def test_dot_segments_go_out_as_they_are(self):
        done = self.situ("infer", "cnn", "photos/../../etc/passwd", status=1)
        self.assertEqual(self.paths()[0], "/v1/infer/cnn/photos/../../etc/passwd")
        self.assertIn("photos/../../etc/passwd: no such object", done.err)

    def test_the_closing_line(self):
        self.fake.fill(128)
        self.fake.stores["photos"][b"2024/z.txt"] = 5
        done = self.situ("infer", "cnn", "photos/2024/", status=0)
        self.assertRegex(done.err, r"^128 objects, 1 skipped, 136\.1 kB read on the array, "
                                   r"\d+\.\d kB over the network \(\d\d\.\d\d % less\), \d+\.\d s\n$")
        quiet = self.situ("infer", "cnn", "photos/2024/", "--quiet", status=0)
        self.assertEqual(quiet.err, "")

    def test_failed_objects_are_named_and_make_status_1(self):
        self.fake.fill(3)
        self.fake.stores["photos"][b"2024/b.bad"] = 7
        self.fake.stores["photos"][b"2024/\xff.bad"] = 7
        done = self.situ("infer", "cnn", "photos/2024/", "-fcsv", status=1)
        self.assertIn("situ: photos/2024/b.bad: not a JPEG, PNG or WebP image\n", done.err)
        self.assertIn("situ: photos/2024/%FF.bad: not a JPEG, PNG or WebP image\n", done.err)
        self.assertIn("5 objects, 2 failed", done.err)
        self.assertEqual(len(done.out.splitlines()), 4)
        self.assertEqual(self.situ("infer", "cnn", "photos/no.jpg").returncode, 1)

    def test_what_cannot_be_done_at_all_is_status_2(self):
        self.fake.fill(1)
        for arguments, words in (
                (("infer", "nosuch", "photos/"), "no model 'nosuch'"),
                (("infer", "nosuch", "photos/2024/000000.jpg"), "no model 'nosuch'"),
                (("infer", "cnn", "nostore/"), "no store 'nostore'"),
                (("infer", "cnn"), "give objects"),
                (("infer", "cnn", "photos/", "--top", "0"), "--top"),
                (("infer", "cnn", "photos/", "--format", "xml"), "--format"),
                (("infer", "cnn", "photos/", "--format", "npy"), "--output FILE go together"),
                (("infer", "cnn", "photos/", "--output", "x.npy"), "--output FILE go together"),
                (("infer", "cnn", "photos/a", "--glob", "*.jpg"), "--glob take"),
                (("infer", "cnn", "photos/a", "--follow"), "--follow"),
                (("infer", "cnn", "photos/", "x/", "--follow"), "--follow takes one"),
                (("infer", "cnn", "photos/", "--interval", "5"), "--interval goes with"),
                (("infer", "cnn", "photos/", "--priority", "10"), "--priority takes a number of 0 to 9"),
                (("infer", "cnn", "a", "--upload", "--detach"), "--upload goes without"),
                (("job",), "job list"),
                (("job", "show"), "job list"),
                (("job", "show", "../x"), "job '../x'"),
                (("job", "follow", "x", "--after", "-1"), "--after"),
                (("cache",), "cache status"),
                (("infer", "cnn", "photos/", "--what"), "--what"),
                (("infer", "c/n", "photos/"), "model 'c/n'"),
                (("dance",), "unknown verb 'dance'"),
                ((), "give a verb"),
                (("store",), "store list"),
                (("model", "add", "x"), "model add NAME PATH"),
                (("--array", "ftp://x", "status"), "unknown scheme")):
            done = self.situ(*arguments, status=2)
            self.assertIn(words, done.err)
            self.assertEqual(done.out, "")

    def test_an_unreachable_array_says_how_to_start_one(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        done = self.situ("infer", "cnn", "photos/", address=address, status=2)
        self.assertIn(f"cannot reach the array at http://{address}: Connection refused", done.err)
        self.assertIn("situd --store photos=", done.err)
        done = self.situ("status", address="unix:/nonexistent/socket", status=2)
        self.assertIn("cannot reach the array at unix:/nonexistent/socket", done.err)

    def test_names_from_stdin(self):
        self.fake.fill(3)
        names = [f"photos/2024/{i:06d}.jpg" for i in (2, 0, 1)]
        done = self.situ("infer", "cnn", "-", "-fjsonl", stdin="\n".join(names).encode(), status=0)
        self.assertEqual([json.loads(x)["object"] for x in done.out.splitlines()], names)
        self.fake.stores["photos"][b"a\nb.jpg"] = 1
        done = self.situ("infer", "-0", "cnn", "-", "-fjsonl",
                         stdin=b"photos/a\nb.jpg\0photos/2024/000001.jpg\0", status=0)
        self.assertEqual([json.loads(x)["object"] for x in done.out.splitlines()],
                         ["photos/a\nb.jpg", "photos/2024/000001.jpg"])

    def test_names_and_prefixes_keep_their_order(self):
        self.fake.fill(2)
        self.fake.fill(2, "x/")
        done = self.situ("infer", "cnn", "photos/x/000001.jpg", "photos/2024/", "photos/x/000000.jpg",
                         "-fjsonl", status=0)
        self.assertEqual([json.loads(x)["object"] for x in done.out.splitlines()],
                         ["photos/x/000001.jpg", "photos/2024/000000.jpg", "photos/2024/000001.jpg",
                          "photos/x/000000.jpg"])
        self.assertIn("4 objects", done.err)

    def test_more_names_than_json_takes_go_as_text(self):
        self.fake.fill(9000)
        names = [f"photos/2024/{i:06d}.jpg" for i in range(9000)]
        done = self.situ("infer", "cnn", "-", "-fjsonl", stdin="\n".join(names).encode(), status=0)
        self.assertEqual([json.loads(x)["object"] for x in done.out.splitlines()], names)
        posts = [r for r in self.fake.requests if r[0] == "POST"]
        self.assertEqual([r[3] for r in posts], ["".join(n + "\n" for n in names).encode()])
        query = {k: v for k, v in posts[0][2].items() if k != "token"}
        # With at least this number of labels a table is cheaper.
        self.assertEqual(query, {"follow": "1", "model": "cnn", "top": "1", "labels": "0",
                                 "embedding": "base64", "keep": "0"})
        self.assertEqual(self.paths().count("/v1/models/cnn/labels"), 1)
        labels = {c.get("label") for x in done.out.splitlines() for c in json.loads(x)["classes"]}
        self.assertEqual(labels, {x or None for x in fake_situd.LABELS})

    def test_long_names_go_as_text(self):
        names = ["photos/%s-%06d" % ("\x01" * 900, i) for i in range(700)]
        done = self.situ("infer", "cnn", "-", "-0", "-fjsonl", "-q", stdin="\0".join(names).encode(),
                         status=1)
        self.assertEqual([json.loads(x)["object"] for x in done.out.splitlines()], names)
        self.assertEqual(self.fake.requests[0][3].count(b"\n"), 700)

    def test_any_bytes_name_an_object(self):
        keys = [b"2024/a\nb.jpg", b"2024/a\r", b"2024/caf\xe9.jpg", b"2024/caf%E9.jpg", b"2024/\xc3\xa9.jpg"]
        wanted = [["photos/2024/a\nb.jpg", None], ["photos/2024/a\r", None], ["photos/2024/caf%E9.jpg", True],
                  ["photos/2024/caf%E9.jpg", None], ["photos/2024/é.jpg", None]]
        self.fake.stores["photos"] = dict.fromkeys(keys, 3)
        names = b"".join(b"photos/" + k + b"\0" for k in keys)
        for many in (1, 1000):  # short lists are sent as JSON, long ones as text
            done = self.situ("infer", "cnn", "-0", "-", "-fjsonl", status=0, stdin=names * many)
            rows = [json.loads(x) for x in done.out.splitlines()]
            self.assertEqual([[r["object"], r.get("encoded")] for r in rows], wanted * many)
        self.assertEqual(self.fake.requests[-2][2].get("separator"), "nul")
        listed = self.situ("object", "list", "photos", "-0", status=0)
        self.assertEqual(sorted(listed.stdout.split(b"\0")[:-1]), sorted(b"photos/" + k for k in keys))
        rows = [json.loads(x) for x in self.situ("object", "list", "photos", "--json", status=0).out.splitlines()]
        self.assertEqual(sorted([[r["object"], r.get("encoded")] for r in rows], key=str), sorted(wanted, key=str))

    def test_a_list_that_breaks_no_line_is_sent_as_lines(self):
        self.fake.fill(2)
        self.situ("infer", "cnn", "-", status=0, stdin=b"photos/2024/000000.jpg\n" * 5000)
        self.assertNotIn("separator", self.fake.requests[0][2])

    def test_an_empty_prefix_is_told(self):
        done = self.situ("infer", "cnn", "photos/none/", status=1)
        self.assertIn("there are no objects below 'photos/none/'", done.err)
        self.assertIn("0 objects, 0 B read on the array", done.err)
        self.assertNotIn("less", done.err)

    def test_upload(self):
        good = self.file("good.jpg", b"\xff\xd8" + b"x" * 3000)
        bad = self.file("bad.jpg", b"no image")
        done = self.situ("infer", "--upload", "cnn", good, bad, self.folder, good + ".none", "-fjsonl",
                         status=1)
        rows = [json.loads(x) for x in done.out.splitlines()]
        self.assertEqual([r["object"] for r in rows], [good, bad, self.folder, good + ".none"])
        self.assertIn("classes", rows[0])
        self.assertIn(f"{bad}: not a JPEG, PNG or WebP image", done.err)
        self.assertIn(f"{self.folder}: is a directory, no file", done.err)
        self.assertIn(f"{good}.none: No such file", done.err)
        self.assertIn("4 objects, 3 failed", done.err)
        posted = [r for r in self.fake.requests if r[0] == "POST"]
        self.assertEqual(posted[0][3], b"\xff\xd8" + b"x" * 3000)

    def test_the_traffic_is_what_crossed_the_wire(self):
        self.fake.fill(50)
        done = self.situ("infer", "cnn", "photos/", status=0)
        figure = float(done.err.split(" kB over")[0].split()[-1]) * 1000
        counted = self.situ("photos/", program=case.PROBE, status=0, PROBE_MODE="prefix").out
        sent, received = map(int, counted.splitlines()[-1].split()[1:])
        self.assertAlmostEqual(figure, sent + received, delta=150)
        self.assertGreater(received, sum(len(json.dumps(fake_situd.result(
            self.fake, "cnn", "photos", k, 1, True))) - 20 for k in self.fake.stores["photos"]))


class Faults(Case):
    def objects(self, done):
        return [json.loads(x)["object"] for x in done.out.splitlines()]

    def expected(self):
        return ["photos/" + fake_situd.name_in_json(k) for k in sorted(self.fake.stores["photos"])]

    def test_a_cut_run_goes_on_without_loss_or_doubles(self):
        for torn in (False, True):
            for by_name in (False, True):
                with self.subTest(torn=torn, by_name=by_name):
                    self.fake.stores["photos"] = {}
                    self.fake.fill(100)
                    self.fake.torn = torn
                    self.fake.cuts = [0, 1, 37, 0, 61]
                    names = ["-"] if by_name else ["photos/2024/"]
                    done = self.situ("infer", "cnn", "-fjsonl", *names, status=0,
                                     stdin="\n".join(self.expected()).encode())
                    self.assertEqual(self.objects(done), self.expected())
                    self.assertIn("100 objects, 105.0 kB read", done.err)
                    self.assertEqual(self.fake.jobs, {})

    def test_encoded_names_neither_stop_nor_double_a_cut_run(self):
        self.fake.fill(5)
        for i in range(4):
            self.fake.stores["photos"][b"2024/000002\xff%d.jpg" % i] = 1
        self.fake.stores["photos"][b"2024/100%25.jpg"] = 1
        for cut in range(11):
            self.fake.cuts = [cut, 3]
            done = self.situ("infer", "cnn", "photos/", "-fjsonl", status=0)
            self.assertEqual(sorted(self.objects(done)), sorted(self.expected()), f"cut at {cut}")

    def test_a_run_that_never_goes_on_ends(self):
        self.fake.fill(10)
        self.fake.cuts = [4] + [0] * 50
        done = self.situ("photos/", program=case.PROBE, PROBE_MODE="prefix", status=1)
        self.assertIn("unreachable: after 4 objects: ", done.err)
        self.assertEqual(len([x for x in done.out.splitlines() if x.startswith("photos/")]), 4)
        self.assertEqual(self.paths(), ["/v1/jobs", "/v1/models/cnn/labels"] +
                         3 * ["/v1/jobs/job00001/results"])

    def test_a_busy_array_is_asked_again(self):
        self.fake.fill(3)
        for names in (("photos/",), ("photos/2024/000000.jpg",)):
            self.fake.busy = 2
            done = self.situ("infer", "cnn", *names, status=0)
            self.assertNotIn("queue", done.err)
        self.fake.busy, self.fake.busy_retry_after = 1, "1"
        start = time.monotonic()
        self.situ("infer", "cnn", "photos/", status=0)
        self.assertGreater(time.monotonic() - start, 0.95)

    def test_a_busy_array_is_not_asked_for_ever(self):
        self.fake.fill(3)
        self.fake.busy = 100
        done = self.situ("photos/", program=case.PROBE, PROBE_MODE="prefix", status=1)
        self.assertIn("the queue is full", done.err)
        self.assertEqual(len(self.fake.requests), 4)

    def test_an_unavailable_model_is_not_asked_again(self):
        self.fake.fill(3)
        self.fake.refuse_runs = (503, {"error": "model 'cnn' cannot be loaded", "code": "unavailable"})
        done = self.situ("infer", "cnn", "photos/", status=2)
        self.assertIn("model 'cnn' cannot be loaded", done.err)
        self.assertEqual(len(self.fake.requests), 1)

    def test_an_array_that_starts_is_waited_for_but_not_long(self):
        self.fake.fill(3)
        self.fake.refuse_runs = (503, {"error": "starting", "code": "unavailable"}, [("Retry-After", "1")])
        done = self.situ("photos/", program=case.PROBE, PROBE_MODE="prefix", status=1)
        self.assertIn("unavailable: starting", done.err)
        self.assertEqual(len(self.fake.requests), 4)

    def test_an_error_line_without_an_object_ends_the_run(self):
        self.fake.refuse_runs = (200, b'{"job":{"id":"j","selected":3}}\n{"new":1}\n{"object":"photos/x",'
                                      b'"classes":[]}\n{"error":{"code":"io","message":"disk gone"}}\n')
        done = self.situ("infer", "cnn", "photos/", "-fjsonl", status=1)
        self.assertEqual(json.loads(done.out), {"object": "photos/x", "classes": []})
        self.assertIn("after 1 of 3 objects: disk gone", done.err)

    def test_answers_that_are_not_the_protocols(self):
        for body in (b"<html>", b"[1,2]\n", b'{"selected":7}\n{"object":1}\n', b'{"object":"photos/x"}\n',
                     b'{"done":{}}\n', b"\0\xff\n", b'{"job":{"id":"j","selected":-5}}\nnonsense\n',
                     b'{"job":{"id":"../x"}}\n', b'{"job":7}\n', b'{"progress":{}}\n'):
            self.fake.refuse_runs = (200, body)
            done = self.situ("photos/", program=case.PROBE, PROBE_MODE="prefix")
            self.assertIn(done.returncode, (0, 1), body)
            self.assertNotIn("photos/x\t", done.out)
        self.fake.refuse_runs = (500, {"error": "all is well", "code": "none"})
        self.assertIn("all is well", self.situ("infer", "cnn", "photos/", status=2).err)
        self.fake.refuse_runs = (200, b'{"job":{"id":"j"}}\n{"object":"photos/x","error":{"code":"none",'
                                      b'"message":"well"}}\n{"done":{"state":"done"}}\n')
        self.assertIn("photos/x: well", self.situ("infer", "cnn", "photos/", status=1).err)
        self.fake.refuse_runs = (502, b"Bad Gateway")
        done = self.situ("infer", "cnn", "photos/", status=2)
        self.assertIn("status 502", done.err)


class Connection(Case):
    def test_unix_socket(self):
        self.fake.fill(2)
        path = os.path.join(self.folder, "situd.sock")
        with fake_situd.Running(self.fake, path) as address:
            done = self.situ("--array", address, "infer", "cnn", "photos/", "-fjsonl", status=0)
        self.assertEqual(len(done.out.splitlines()), 2)
        self.assertEqual(self.fake.heads[0]["Host"], "localhost")

    def test_token(self):
        self.fake.fill(1)
        self.fake.token = "s3cret"
        done = self.situ("infer", "cnn", "photos/", status=2)
        self.assertIn("--token-file", done.err)
        token = self.file("token", b"s3cret\nsecond line\n")
        self.situ("--token-file", token, "infer", "cnn", "photos/", status=0)
        self.situ("infer", "cnn", "photos/", "--token-file", token, status=0)
        self.situ("infer", "cnn", "photos/", SITU_TOKEN_FILE=token, status=0)
        wrong = self.file("wrong", b"other")
        done = self.situ("--token-file", wrong, "status", status=2)
        self.assertIn(f"'{wrong}'", done.err)
        self.assertNotIn("other", done.err.replace(wrong, ""))
        done = self.situ("--token-file", self.file("empty", b""), "status", status=2)
        self.assertIn("first line is empty", done.err)
        done = self.situ("--token-file", self.file("two", b"a b"), "status", status=2)
        self.assertIn("printable ASCII", done.err)

    def test_tls(self):
        if not shutil.which("openssl"):
            self.skipTest("openssl is missing: no certificate to try")
        certificate = [os.path.join(self.folder, name) for name in ("cert.pem", "key.pem")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=array", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate[0],
                        "-keyout", certificate[1]], stderr=subprocess.DEVNULL, check=True)
        self.fake.fill(3)
        with fake_situd.Running(self.fake, certificate=certificate) as address:
            done = self.situ("--array", address, "infer", "cnn", "photos/", status=2)
            self.assertIn("--ca-file", done.err)
            self.assertEqual(self.fake.requests, [])
            done = self.situ("--array", address, "--ca-file", certificate[0], "infer", "cnn", "photos/",
                             "-fjsonl", status=0)
            self.assertEqual(len(done.out.splitlines()), 3)
            plain = address.replace("https:", "http:")
            done = self.situ("--array", plain, "status", status=2)
            self.assertIn("if it speaks TLS, give https://", done.err)
            wrong_name = address.replace("127.0.0.1", "localhost")
            self.situ("--array", wrong_name, "--ca-file", certificate[0], "status", status=2)

    def test_tls_to_a_plain_port_is_told(self):
        done = self.situ("status", address=self.address.replace("http:", "https:"), status=2)
        self.assertIn("if it speaks plain HTTP, give http://", done.err)
        self.assertNotIn("speaks TLS", self.situ("status", address="http://127.0.0.1:9", status=2).err)

    def test_a_socket_may_be_named_relatively(self):
        self.fake.fill(2)
        with fake_situd.Running(self.fake, path=os.path.join(self.folder, "a b.sock")):
            env = {k: v for k, v in os.environ.items() if not k.startswith("SITU_")}
            done = subprocess.run([os.path.abspath(case.SITU), "--array", "unix:a b.sock", "infer", "cnn", "photos/"],
                                  cwd=self.folder, env=env, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_proxy_of_the_environment_is_not_used_for_loopback(self):
        self.situ("status", status=0, http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9")


class Verbs(Case):
    def test_status(self):
        done = self.situ("status", status=0)
        self.assertIn("ready, up 12.5 s", done.out)
        self.assertIn("128 objects, 15.0 MB read", done.out)
        self.assertIn(self.address, done.out)
        self.assertEqual(json.loads(self.situ("status", "--json", status=0).out)["lanes"], 3)

    def test_stores_and_objects(self):
        self.fake.stores["other"] = {}
        self.assertEqual(self.situ("store", "list", status=0).out.split(),
                         ["NAME", "KIND", "STATE", "SINCE", "REASON", "photos", "dir", "available",
                          "other", "dir", "available"])
        self.fake.away["other"] = "its directory is not there"
        self.assertIn("other   dir   unavailable  2026-01-31T12:00:00Z  its directory is not there",
                      self.situ("store", "list", status=0).out)
        self.assertIn("store other is unavailable: its directory is not there",
                      self.situ("status", status=0).out)
        self.situ("store", "attach", "--empty", "other", status=0)
        self.assertNotIn("unavailable", self.situ("status", status=0).out)
        self.assertEqual({}, self.fake.away)
        self.situ("store", "detach", "other", status=0)
        self.assertEqual(["other"], list(self.fake.away))
        self.assertIn("no store 'none'", self.situ("store", "detach", "none", status=2).err)
        self.situ("store", "detach", status=2)
        self.fake.away.clear()
        self.assertEqual(len(json.loads(self.situ("store", "list", "--json").out)["stores"]), 2)
        self.fake.fill(25)
        self.fake.page = 10
        done = self.situ("object", "list", "photos/2024/0000", status=0)
        self.assertEqual(done.out.splitlines(), [f"photos/2024/{i:06d}.jpg" for i in range(25)])
        self.assertEqual(len([p for p in self.paths() if p.endswith("/objects")]), 3)
        self.assertIn("1.0 kB  photos/2024/000000.jpg",
                      self.situ("object", "list", "--long", "photos", status=0).out)
        rows = [json.loads(x) for x in
                self.situ("object", "list", "photos", "--json", "-l", status=0).out.splitlines()]
        self.assertEqual(rows[3], {"object": "photos/2024/000003.jpg", "size": 1003})
        null = self.situ("object", "list", "photos", "-0", status=0)
        piped = self.situ("infer", "cnn", "-", "-0", "-fjsonl", stdin=null.stdout, status=0)
        self.assertEqual(len(piped.out.splitlines()), 25)
        self.assertIn("no store 'x'", self.situ("object", "list", "x", status=2).err)

    def test_models(self):
        out = self.situ("model", "list", status=0).out
        self.assertEqual(out.splitlines()[0].split(), ["NAME", "VERSION", "TASK", "STATE", "LABELS", "SIZE"])
        self.assertIn("2.5 MB", out)
        shown = self.situ("model", "show", "cnn", status=0).out
        for words in ("pixel_values FP32 [?,3,224,224]", "mean: 0.485, 0.456", "one note",
                      "crop_size: height 224, width 224", "ready, loaded", "1, 2"):
            self.assertIn(words, shown)
        self.assertEqual(json.loads(self.situ("model", "show", "cnn", "--json").out)["task"],
                         "image-classification")
        self.assertIn("no model 'nosuch'", self.situ("model", "show", "nosuch", status=2).err)
        self.assertEqual(self.situ("model", "remove", "cnn@1", status=0).out, "")
        self.assertEqual(self.fake.requests[-1][:3], ("DELETE", "/v1/models/cnn", {"version": "1"}))
        self.situ("model", "remove", "cnn", status=2)

    def test_a_package_is_sent_whole_and_nothing_else_of_its_directory(self):
        files = {"model.onnx": os.urandom(100000), "config.json": b"{}", "empty.json": b"",
                 "onnx/weights.bin": b"w" * 512, "n" * 120 + "/" + "m" * 120 + ".json": b"long"}
        for name, content in files.items():
            self.file("package/" + name, content)
        self.file("package/model.safetensors", b"x")
        self.file("package/.git/config", b"x")
        self.file("package/pytorch_model.bin", b"x")
        os.symlink(os.path.join(self.folder, "package/config.json"),
                   os.path.join(self.folder, "package/linked.json"))
        files["linked.json"] = b"{}"
        os.mkfifo(os.path.join(self.folder, "package/fifo"))
        done = self.situ("model", "add", "new", os.path.join(self.folder, "package"), status=0)
        self.assertEqual(done.out, "added new@2, image-classification\n")
        self.assertEqual(self.fake.uploads["new"], ({}, files))

    def test_a_bare_model_file_with_its_data_and_a_preset(self):
        path = self.file("resnet.onnx", b"onnx")
        self.file("resnet.onnx_data", b"weights")
        self.situ("model", "add", "r", path, "--preset", "imagenet", status=0)
        self.assertEqual(self.fake.uploads["r"],
                         ({"preset": "imagenet"}, {"model.onnx": b"onnx", "resnet.onnx_data": b"weights"}))

    def test_packages_that_cannot_be_sent(self):
        self.file("empty/config.json", b"{}")
        broken = self.file("broken/model.onnx", b"broken")
        for path, words in ((os.path.join(self.folder, "none"), "No such file"),
                            (os.path.join(self.folder, "empty"), "there is no .onnx file in it"),
                            (self.file("x.txt", b""), "give the directory"),
                            (os.path.dirname(broken), "model.onnx: not an ONNX model")):
            self.assertIn(words, self.situ("model", "add", "m", path, status=2).err)
        for i in range(300):
            self.file(f"many/{i}.json", b"")
        self.assertIn("more than 256 files",
                      self.situ("model", "add", "m", os.path.join(self.folder, "many"), status=2).err)

    def test_help_and_version(self):
        self.assertRegex(self.situ("--version", status=0).out, r"^situ \d+\.\d+\.\d+\n$")
        for verb in ("infer", "job", "cache", "status", "store", "object", "model"):
            self.assertIn(f"situ {verb}", self.situ("help", verb, status=0).out)
            self.assertEqual(self.situ(verb, "--help", status=0).out, self.situ("help", verb).out)
        self.assertIn("usage: situ", self.situ("help", status=0).out)
        self.assertIn("usage: situ", self.situ("--help", status=0).out)


class Terminal(Case):
    def test_progress_on_a_terminal_only(self):
        self.fake.fill(20)
        self.slow(0.05)
        status, shown, out = self.on_terminal("infer", "cnn", "photos/", "-fcsv")
        self.assertEqual(status, 0)
        self.assertRegex(shown, r"\[#+\.+\] \d+/20 objects  \d+\.\d/s  \d+\.\d s left")
        self.assertEqual(len(out.splitlines()), 21)
        self.assertNotIn("\x1b[K", out)
        closing = shown.split("\x1b[K")[-1]
        self.assertRegex(closing, r"^20 objects, .*\r\n$")
        piped = self.situ("infer", "cnn", "photos/", status=0)
        self.assertNotIn("\x1b", piped.err)
        self.assertEqual(len(piped.err.splitlines()), 1)
        _, shown, _ = self.on_terminal("infer", "cnn", "photos/", "--no-progress")
        self.assertNotIn("\x1b", shown)

    def test_ctrl_c_clears_the_bar_and_exits_130(self):
        self.fake.fill(100)
        self.slow(0.05)
        status, shown, _ = self.on_terminal("infer", "cnn", "photos/", interrupt_after=b"objects")
        self.assertEqual(status, 130)
        # Its stdin is not a terminal: no user can be asked.
        self.assertTrue(shown.endswith("\r\x1b[Ksitu: job job00001 is cancelled\r\n"), repr(shown[-80:]))
        self.assertEqual(self.fake.jobs["job00001"].state, "cancelled")

    def test_a_reader_that_leaves_ends_it_quietly(self):
        self.fake.fill(5000)
        env = dict(os.environ, SITU_ADDRESS=self.address)
        for disposition in (signal.SIG_DFL, signal.SIG_IGN):
            with subprocess.Popen([case.SITU, "infer", "cnn", "photos/", "-fjsonl"], env=env,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, restore_signals=False,
                                  preexec_fn=lambda: signal.signal(signal.SIGPIPE, disposition)) as child:
                child.stdout.readline()
                child.stdout.close()
                self.assertEqual(child.stderr.read(), b"")
            self.assertIn(child.returncode, (-signal.SIGPIPE, 141))

    def test_a_full_disk_is_told(self):
        self.fake.fill(5)
        with open("/dev/full", "wb") as full:
            env = dict(os.environ, SITU_ADDRESS=self.address)
            done = subprocess.run([case.SITU, "infer", "cnn", "photos/"], env=env, stdout=full,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"cannot write the output: No space left", done.stderr)


class Library(Case):
    def test_labels_by_table_equal_labels_inline(self):
        self.fake.fill(30)
        inline = self.situ("photos/", program=case.PROBE, PROBE_MODE="prefix", PROBE_LABELS="1", status=0).out
        self.assertEqual(len(self.fake.requests), 1)
        table = self.situ("photos/", program=case.PROBE, PROBE_MODE="prefix", PROBE_LABELS="2", status=0).out
        self.assertEqual(inline.splitlines()[:30], table.splitlines()[:30])
        self.assertEqual(self.fake.requests[-1][1:3], ("/v1/models/cnn/labels", {"version": "2"}))
        self.assertEqual(json.loads(self.fake.requests[-2][3])["output"],
                         {"labels": False, "embedding": "base64"})
        none = self.situ("photos/", program=case.PROBE, PROBE_MODE="prefix", PROBE_LABELS="3", status=0).out
        self.assertTrue(all(x.split("\t")[1] == "" for x in none.splitlines()[:30]))

    def test_one_handle_serves_many_threads_over_kept_connections(self):
        self.fake.fill(40)
        done = self.situ("photos/", program=case.PROBE, PROBE_MODE="threads", status=0)
        self.assertEqual(done.out.splitlines()[-1], "640 answers")

    def test_misuse_gives_errors_not_crashes(self):
        self.situ("photos/", program=case.PROBE, PROBE_MODE="misuse", status=0)


if __name__ == "__main__":
    case.main()
