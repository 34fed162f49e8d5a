# SPDX-License-Identifier: Apache-2.0
"""Jobs and the cache of the built `situ` (and a small program on libsitu) against a fake array.

test_jobs.py SITU PROBE: run by meson; unittest, standard library only."""

import ast
import json
import os
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import case  # noqa: E402
import fake_situd  # noqa: E402
from case import Case  # noqa: E402


def objects(done):
    return [json.loads(x)["object"] for x in done.out.splitlines()]


class Jobs(Case):
    def expected(self):
        return ["photos/" + fake_situd.name_in_json(k) for k in sorted(self.fake.stores["photos"])]

    def posts(self):
        return [r for r in self.fake.requests if r[0] == "POST" and r[1] == "/v1/jobs"]

    def tokens(self):
        return {r[2].get("token") or json.loads(r[3])["token"] for r in self.posts()}


class Followed(Jobs):
    def test_what_a_followed_job_is_asked_for(self):
        self.fake.fill(3)
        self.situ("infer", "cnn@2", "photos/2024/", "-k3", "--glob", "*1.jpg", "--priority", "0",
                  "--max-failures", "0", "--no-cache", "-fjsonl", status=0)
        method, path, query, body = self.posts()[0]
        asked = json.loads(body)
        self.assertRegex(asked.pop("token"), "^[A-Za-z0-9_-]{12}$")
        self.assertEqual((path, query), ("/v1/jobs", {"follow": "1"}))
        self.assertEqual(asked, {"model": "cnn@2", "top": 3, "output": {"labels": False, "embedding": "base64"},
                                 "select": {"store": "photos", "prefix": "2024/", "glob": "*1.jpg"}, "priority": 0,
                                 "max_failures": 0, "cache": False, "keep": False})
        self.assertEqual([r[:2] for r in self.fake.requests],
                         [("POST", "/v1/jobs"), ("GET", "/v1/models/cnn/labels")])
        self.assertEqual(self.fake.jobs, {})

    def test_each_run_has_a_token_of_its_own(self):
        self.fake.fill(1)
        for _ in range(3):
            self.situ("infer", "cnn", "photos/", status=0)
        self.assertEqual(len(self.tokens()), 3)

    def test_a_cut_before_the_first_line_starts_no_second_job(self):
        self.fake.fill(20)
        for names, stdin in ((["photos/"], []), (["-"], self.expected()), (["-"], 300 * self.expected())):
            with self.subTest(names=len(stdin)):
                self.fake.requests.clear()
                self.fake.removed.clear()
                self.fake.lost_answers = 3
                done = self.situ("infer", "cnn", "-fjsonl", *names, status=0, stdin="\n".join(stdin).encode())
                self.assertEqual(objects(done), stdin or self.expected())
                self.assertEqual(len(self.posts()), 4)
                self.assertEqual(len(self.tokens()), 1)
                self.assertEqual(len({r[3] for r in self.posts()}), 1)
                self.assertEqual(len(self.fake.removed), 1)

    def test_a_detached_job_is_started_once_though_its_answer_is_lost(self):
        self.fake.fill(2)
        self.fake.lost_answers = 2
        done = self.situ("infer", "cnn", "photos/", "--detach", status=0)
        self.assertEqual(done.out, "job00001\n")
        self.assertEqual(list(self.fake.jobs), ["job00001"])
        self.assertEqual(len(self.tokens()), 1)

    def test_cuts_at_every_place(self):
        self.fake.fill(6)
        for compress in (False, True):
            self.fake.compress = compress
            for torn in (False, True):
                self.fake.torn = torn
                for cut in range(8):
                    self.fake.cuts = [cut, None, 0]
                    self.fake.noise = [None, {"new": {"object": 1}}, {"progress": {"selected": None}}]
                    done = self.situ("photos/", program=case.PROBE, PROBE_MODE="prefix", status=0)
                    rows = [x.split("\t")[0] for x in done.out.splitlines()[:-1]]
                    self.assertEqual(rows, self.expected(), (compress, torn, cut))

    def test_the_cursor_counts_results_only(self):
        self.fake.fill(10)
        self.fake.noise = [None, {"more": {"after": 7}}, {"new": 1}]
        self.fake.cuts = [4, 3]
        done = self.situ("infer", "cnn", "photos/", "-fjsonl", status=0)
        self.assertEqual(objects(done), self.expected())
        self.assertEqual([r[2] for r in self.fake.requests if r[1].endswith("/results")],
                         [{"after": "4"}, {"after": "7"}])

    def test_an_array_that_comes_back_is_waited_for(self):
        self.fake.fill(10)
        self.fake.cuts = [4]
        stopping = (503, {"error": "stopping", "code": "unavailable"})
        self.fake.refuse_follows = 2 * [stopping]
        done = self.situ("infer", "cnn", "photos/", "-fjsonl", status=0)
        self.assertEqual(objects(done), self.expected())

    def test_a_job_that_is_gone_ends_the_run(self):
        self.fake.fill(10)
        self.fake.cuts = [4]
        for status, code, words in ((404, "not_found", "there is no job 'job00001'"),
                                    (400, "malformed", "after=4 is above the job's 0 results")):
            self.fake.cuts = [4]
            self.fake.refuse_follows = [(status, {"error": words, "code": code})]
            done = self.situ("infer", "cnn", "photos/", "-fjsonl", status=1)
            self.assertIn("after 4 objects: " + words, done.err)
            self.assertEqual(len(objects(done)), 4)

    def test_ends_that_are_none(self):
        self.fake.fill(3)
        self.fake.end_state = "failed"
        self.fake.end_reason = {"code": "conflict", "message": "more than 0 objects failed"}
        done = self.situ("infer", "cnn", "photos/", status=1)
        self.assertIn("situ: after 3 objects: more than 0 objects failed\nsitu: see 'situ job show job00001'\n",
                      done.err)
        self.assertIn("job00001", self.fake.jobs)
        self.fake.end_state, self.fake.end_reason = "cancelled", None
        self.assertIn("the job was cancelled", self.situ("infer", "cnn", "photos/", status=1).err)

    def test_an_interrupt_ends_the_wait_for_an_array(self):
        self.fake.fill(10)
        self.fake.cuts = [4]
        self.fake.refuse_follows = 99 * [(429, {"error": "busy", "code": "busy"}, [("Retry-After", "30")])]
        with subprocess.Popen([case.SITU, "infer", "cnn", "photos/", "-fcsv"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=dict(os.environ, SITU_ADDRESS=self.address)) as child:
            while len(self.fake.refuse_follows) == 99:
                time.sleep(0.01)
            start = time.monotonic()
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=30)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(child.returncode, 130, err)
        self.assertEqual(len(out.splitlines()), 5)
        self.assertIn(b"job job00001 is cancelled", err)

    def test_an_array_that_is_lost_leaves_the_job_and_says_how_to_go_on(self):
        self.fake.fill(10)
        self.fake.cuts = [4] + 8 * [0]
        self.fake.refuse_follows = 8 * [(503, {"error": "stopping", "code": "unavailable"})]
        done = self.situ("photos/", program=case.PROBE, PROBE_MODE="prefix", status=1)
        self.assertIn("unavailable: after 4 objects: stopping", done.err)
        self.fake.cuts = [4] + 8 * [0]
        self.fake.refuse_follows = [(500, {"error": "a fault", "code": "internal"})]
        done = self.situ("infer", "cnn", "photos/", status=1)
        self.assertIn("after 4 objects: a fault", done.err)
        self.assertIn("job job00001 goes on; its further results: situ job follow job00001 --after 4\n", done.err)
        self.assertIn("job00001", self.fake.jobs)

    def test_the_cached_share_is_told(self):
        self.fake.fill(128)
        self.fake.cache = True
        done = self.situ("infer", "cnn", "photos/", status=0)
        self.assertRegex(done.err, r"^128 objects \(128 cached\), 0 B read on the array, ")
        self.situ("infer", "cnn", "photos/2024/000001.jpg", "--no-cache", status=0)
        self.assertEqual(self.fake.requests[-1][2], {"top": "1", "cache": "0"})

    def test_what_is_gone_is_told_and_no_result(self):
        self.fake.fill(2)
        self.fake.more_lines = [{"object": "photos/x.jpg", "gone": True}]
        done = self.situ("infer", "cnn", "photos/", "--follow", "--interval", "5", "-fjsonl", status=0)
        self.assertEqual(json.loads(done.out.splitlines()[-1]), {"object": "photos/x.jpg", "gone": True})
        self.assertIn("2 objects, ", done.err)
        asked = json.loads(self.posts()[0][3])
        self.assertEqual((asked["standing"], asked["interval_s"]), (True, 5))
        for form in ("table", "csv"):
            done = self.situ("infer", "cnn", "photos/", "-f", form, status=0)
            self.assertIn("situ: photos/x.jpg: gone\n", done.err)
            self.assertNotIn("x.jpg", done.out)

    def test_a_list_with_more_or_fewer_results_than_names_is_refused(self):
        self.fake.fill(3)
        self.fake.more_lines = [{"object": "photos/x.jpg", "classes": []}]
        names = "\n".join(self.expected()).encode()
        self.assertIn("more results than it was asked for", self.situ("infer", "cnn", "-", stdin=names, status=1).err)
        self.fake.more_lines, self.fake.swallow = [], True
        self.assertIn("left out results", self.situ("infer", "cnn", "-", stdin=names, status=2).err)

    def test_lines_that_were_lost_on_the_way_are_no_success(self):
        self.fake.fill(3)
        self.fake.lost_lines = 1
        self.assertIn("left out results", self.situ("infer", "cnn", "photos/", status=1).err)


class Wire(Jobs):
    def traffic(self, *arguments, **environment):
        """The library's count, and the bytes on the fake's sockets."""
        self.fake.sent = self.fake.received = 0
        done = self.situ(*arguments, program=case.PROBE, PROBE_MODE="prefix", status=0, **environment)
        sent, received = map(int, done.out.splitlines()[-1].split()[1:])
        self.assertEqual((sent, received), (self.fake.received, self.fake.sent))
        return done.out.splitlines()[:-1], sent + received

    def test_compressed_streams_are_counted_as_they_cross_the_wire(self):
        self.fake.fill(300)
        plain, plain_bytes = self.traffic("photos/", PROBE_LABELS="3")
        self.fake.compress = True
        packed, packed_bytes = self.traffic("photos/", PROBE_LABELS="3")
        self.assertEqual(plain, packed)
        self.assertLess(packed_bytes, plain_bytes / 2)
        labelled, _ = self.traffic("photos/")
        self.assertEqual(len(labelled), 300)
        self.fake.cuts = [100, 0, 150]
        self.assertEqual(self.traffic("photos/")[0], labelled)

    def test_indices_only(self):
        self.fake.fill(2)
        for names in (["photos/"], ["photos/2024/000001.jpg"], self.expected()):
            done = self.situ("infer", "cnn", *names, "--no-labels", "-fjsonl", status=0)
            self.assertEqual([c for x in done.out.splitlines() for c in json.loads(x)["classes"] if "label" in c], [])
        self.assertNotIn("/v1/models/cnn/labels", self.paths())

    def test_single_objects_and_control_requests_ask_for_no_compression(self):
        self.fake.fill(2)
        self.situ("infer", "cnn", "photos/2024/000000.jpg", status=0)
        self.situ("infer", "cnn", "photos/", "--detach", status=0)
        self.situ("job", "pause", "job00001", status=0)
        self.assertEqual([h for h in self.fake.heads if "Accept-Encoding" in h], [])
        self.situ("job", "list", status=0)
        self.assertIn("gzip", self.fake.heads[-1]["Accept-Encoding"])

    def test_a_million_names_are_sent_from_the_callers_memory(self):
        self.fake.swallow = True
        done = self.situ("-", program=case.PROBE, PROBE_MODE="many", status=0)
        job, growth_kib = done.out.split()
        self.assertLess(int(growth_kib), 16 * 1024)
        body = self.posts()[0][3]
        self.assertEqual(len(body), 1000000 * len("photos/2024/0000000.jpg\n"))
        self.assertTrue(body.endswith(b"photos/2024/0999999.jpg\n"))


class Verbs(Jobs):
    def start(self, *arguments):
        return self.situ("infer", "cnn", *arguments, "--detach", status=0).out.split()

    def test_a_detached_job_is_listed_shown_and_followed(self):
        self.fake.fill(5)
        self.assertEqual(self.start("photos/2024/", "--priority", "7"), ["job00001"])
        self.assertEqual(self.start("photos/2024/000001.jpg", "photos/2024/", "photos/2024/000002.jpg"),
                         ["job00002", "job00003", "job00004"])
        self.assertEqual(self.posts()[0][2], {})
        self.assertNotIn("keep", json.loads(self.posts()[0][3]))
        lines = self.situ("job", "list", status=0).out.splitlines()
        self.assertEqual(lines[0].split(), ["ID", "MODEL", "SELECTION", "STATE", "RESULTS", "FAILED", "CACHED",
                                            "CREATED"])
        self.assertEqual(lines[1].split(), ["job00001", "cnn@2", "photos/2024/", "running", "5/5", "0", "0",
                                            "2026-11-23T09:00:00Z"])
        self.assertIn("names", lines[2])
        rows = [json.loads(x) for x in
                self.situ("job", "list", "--format", "jsonl", status=0).out.splitlines()]
        self.assertEqual(rows, [json.loads(json.dumps(j.object())) for j in self.fake.jobs.values()])
        self.assertEqual(json.loads(self.situ("job", "list", "--json", status=0).out), {"jobs": rows})
        shown = self.situ("job", "show", "job00001", status=0).out
        for words in ("photos/2024/", "running", "5 of 5, 0 cached, 0 failed", "priority 7", "cnn@2"):
            self.assertIn(words, shown)
        self.assertEqual(json.loads(self.situ("job", "show", "job00001", "--json", status=0).out), rows[0])
        done = self.situ("job", "follow", "job00001", "--after", "2", "-fjsonl", status=0)
        self.assertEqual(objects(done), self.expected()[2:])
        labels = {c.get("label") for x in done.out.splitlines() for c in json.loads(x)["classes"]}
        self.assertLess(labels, {x or None for x in fake_situd.LABELS})
        self.assertIn("job00001", self.fake.jobs)

    def test_labels_of_another_model_are_never_shown(self):
        self.fake.fill(2)
        self.start("photos/")
        self.fake.digest = "00" * 32  # the version exists, but is another model now
        done = self.situ("job", "follow", "job00001", "-fjsonl", status=0)
        self.assertEqual([c for x in done.out.splitlines() for c in json.loads(x)["classes"] if "label" in c], [])
        del self.fake.models["cnn"]
        self.situ("job", "follow", "job00001", "-fjsonl", status=0)

    def test_names_in_json_do_not_confuse_the_list(self):
        self.fake.stores["photos"] = {b'a"]}{[".jpg': 1}
        self.start("photos/", "--glob", '*"]}*{["\\*')
        self.start("photos/")
        rows = [json.loads(x) for x in
                self.situ("job", "list", "--format", "jsonl", status=0).out.splitlines()]
        self.assertEqual([r["id"] for r in rows], ["job00001", "job00002"])

    def test_control(self):
        self.fake.fill(3)
        self.fake.stores["photos"][b"2024/x.bad"] = 1
        self.start("photos/")
        for action, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
            self.assertEqual(self.situ("job", action, "job00001", status=0).out, "")
            self.assertEqual(self.fake.jobs["job00001"].state, state)
        self.fake.jobs["job00001"].state = "paused"
        self.situ("job", "resume", "--accept-store", "job00001", status=0)
        self.assertIn(("POST", "/v1/jobs/job00001/resume", {"accept_store": "1"}),
                      [request[:3] for request in self.fake.requests])
        self.situ("job", "pause", "--accept-store", "job00001", status=2)
        self.situ("job", "cancel", "job00001", status=0)
        done = self.situ("job", "resume", "job00001", status=2)
        self.assertIn("job 'job00001' is cancelled", done.err)
        self.assertEqual(self.situ("job", "retry", "job00001", status=0).out, "job00002\n")
        self.assertEqual(self.fake.jobs["job00002"].asked["select"], {"keys": ["photos/2024/x.bad"]})
        done = self.situ("job", "follow", "job00002", status=1)
        self.assertIn("photos/2024/x.bad: not a JPEG", done.err)
        self.situ("job", "remove", "job00001", "nosuch", status=1)
        self.assertEqual(list(self.fake.jobs), ["job00002"])
        self.assertIn("no job 'nosuch'", self.situ("job", "remove", "nosuch", status=2).err)
        self.assertIn("no job 'nosuch'", self.situ("job", "show", "nosuch", status=2).err)
        done = self.situ("job", "follow", "nosuch", status=2)
        self.assertIn("no job 'nosuch'", done.err)
        self.assertIn("situ job list", done.err)
        done = self.situ("job", "follow", "job00002", "--after", "2", status=2)
        self.assertIn("after=2 is above the job's 1 results", done.err)

    def test_cache(self):
        shown = self.situ("cache", "status", status=0).out
        for words in ("120 contents, 128 answers", "41.0 kB used", "250 hits, 50 misses (83.3 %)", "7 evicted"):
            self.assertIn(words, shown)
        self.assertEqual(json.loads(self.situ("cache", "status", "--json", status=0).out)["on"], True)
        self.assertEqual(self.situ("cache", "clear", status=0).out, "")
        self.assertEqual(self.fake.requests[-1][:2], ("DELETE", "/v1/cache"))


class Numpy(Jobs):
    def load(self, path):
        """(header, rows) of a .npy file of float32."""
        with open(path, "rb") as file:
            data = file.read()
        self.assertEqual(data[:8], b"\x93NUMPY\x01\x00")
        length = struct.unpack("<H", data[8:10])[0]
        self.assertEqual((10 + length) % 64, 0)
        header = ast.literal_eval(data[10:10 + length].decode("ascii"))
        self.assertEqual((header["descr"], header["fortran_order"]), ("<f4", False))
        count, width = header["shape"]
        self.assertEqual(len(data), 10 + length + 4 * count * width)
        values = struct.unpack(f"<{count * width}f", data[10 + length:])
        return [values[i * width:(i + 1) * width] for i in range(count)]

    def test_embeddings_as_an_array_with_names_beside_it(self):
        self.fake.fill(40)
        self.fake.stores["photos"][b"2024/b.bad"] = 7
        self.fake.cuts = [17, 3]
        path = os.path.join(self.folder, "out.npy")
        done = self.situ("infer", "clip", "photos/", "--format", "npy", "--output", path, status=1)
        self.assertIn("photos/2024/b.bad: not a JPEG", done.err)
        self.assertEqual(done.out, "")
        rows = self.load(path)
        self.assertEqual(len(rows), 40)
        for value, expected in zip(rows[39], (0.6, -0.8, 0, 0, 0)):
            self.assertAlmostEqual(value, expected, places=6)
        with open(os.path.join(self.folder, "out.names")) as names:
            self.assertEqual(names.read().splitlines(), [n for n in self.expected() if ".bad" not in n])
        self.assertEqual(sorted(os.listdir(self.folder)), ["out.names", "out.npy"])

    def test_names_with_line_feeds(self):
        self.fake.stores["photos"] = {b"a\nb.jpg": 1, b"c.jpg": 1}
        path = os.path.join(self.folder, "out")
        for null, content in (((), b"photos/a\\nb.jpg\nphotos/c.jpg\n"), (("-0",), b"photos/a\nb.jpg\0photos/c.jpg\0")):
            self.situ("infer", "clip", "photos/", "-fnpy", "-o", path, *null, status=0)
            with open(path + ".names", "rb") as names:
                self.assertEqual(names.read(), content)

    def test_of_a_job_that_is_followed(self):
        self.fake.fill(6)
        self.situ("infer", "clip", "photos/", "--detach", status=0)
        path = os.path.join(self.folder, "out.npy")
        self.situ("job", "follow", "job00001", "--after", "4", "-fnpy", "-o", path, status=0)
        self.assertEqual(len(self.load(path)), 2)

    def test_what_came_stays_apart_where_it_is_not_all(self):
        self.fake.fill(6)
        path = os.path.join(self.folder, "out.npy")
        with open(path, "w") as old:
            old.write("old")
        self.fake.end_state = "cancelled"
        done = self.situ("infer", "clip", "photos/", "-fnpy", "-o", path, status=1)
        self.assertIn("the 6 embeddings that came stand in the files with .part", done.err)
        with open(path) as old:
            self.assertEqual(old.read(), "old")
        self.assertEqual(len(self.load(path + ".part")), 6)
        done = self.situ("infer", "nosuch", "photos/", "-fnpy", "-o", os.path.join(self.folder, "x.npy"), status=2)
        self.assertEqual([n for n in os.listdir(self.folder) if n.startswith("x")], [])

    def test_what_cannot_be_written_is_told(self):
        self.fake.fill(3)
        path = os.path.join(self.folder, "out.npy")
        done = self.situ("infer", "cnn", "photos/", "-fnpy", "-o", path, status=2)
        self.assertIn("the model gives no embeddings", done.err)
        self.assertEqual(self.fake.jobs, {})
        done = self.situ("infer", "clip", "photos/", "-fnpy", "-o", "/nonexistent/out.npy", status=2)
        self.assertIn("cannot write '/nonexistent/out.npy.part': No such file", done.err)


class Interrupts(Jobs):
    def setUp(self):
        super().setUp()
        self.fake.fill(10)
        self.fake.ready = 5

    def test_no_leaves_nothing_running(self):
        for typed in ("\n", "n\n"):
            status, shown, out = self.on_terminal("infer", "cnn", "photos/", "-fcsv", typed=typed,
                                                  interrupt_after=b"objects")
            self.assertEqual(status, 130)
            self.assertIn("leave the job running? [y/N] ", shown)
            self.assertRegex(shown, r"job job0000\d is cancelled\r\n$")
            self.assertEqual(len(out.splitlines()), 6)
        self.assertEqual({j.state for j in self.fake.jobs.values()}, {"cancelled"})

    def test_yes_says_how_to_go_on(self):
        status, shown, out = self.on_terminal("infer", "cnn", "photos/", typed="y\n", interrupt_after=b"objects")
        self.assertEqual(status, 130)
        self.assertIn("situ job follow job00001 --after 5\r\n", shown)
        self.assertEqual(len(out.splitlines()), 6)
        job = self.fake.jobs["job00001"]
        self.assertEqual(job.state, "running")
        job.ready = None
        done = self.situ("job", "follow", "job00001", "--after", "5", "-fjsonl", status=0)
        self.assertEqual(objects(done), self.expected()[5:])

    def test_the_second_one_ends_at_once(self):
        status, shown, _ = self.on_terminal("infer", "cnn", "photos/", typed="interrupt", interrupt_after=b"objects")
        self.assertEqual(status, 130)
        self.assertNotIn("cancelled", shown)
        self.assertEqual(self.fake.jobs["job00001"].state, "running")

    def test_following_a_job_leaves_it(self):
        self.situ("infer", "cnn", "photos/", "--detach", status=0)
        status, shown, _ = self.on_terminal("job", "follow", "job00001", typed="n\n", interrupt_after=b"objects")
        self.assertEqual(status, 130)
        self.assertNotIn("[y/N]", shown)
        self.assertIn("situ job follow job00001 --after 5", shown)
        self.assertEqual(self.fake.jobs["job00001"].state, "running")

    def test_the_bar_shows_cached_share_and_failures(self):
        self.fake.stores["photos"][b"2024/000000.bad"] = 1
        self.fake.cache = True
        self.fake.ready = 8
        status, shown, _ = self.on_terminal("infer", "cnn", "photos/", typed="n\n", interrupt_after=b"cached")
        self.assertEqual(status, 130)
        self.assertEqual(self.posts()[0][2], {"follow": "1", "progress": "1"})
        self.assertRegex(shown, r"\d+/11 objects  \d+\.\d/s  100 % cached  1 failed")

    def test_the_bar_says_why_a_job_stands_still(self):
        self.fake.noise = [{"progress": {"state": "paused", "selected": 10, "results": 1, "cached": 0,
                                         "reason": {"code": "no_space", "message": "the disk \x1b[31mis full"}}}]
        _, shown, _ = self.on_terminal("infer", "cnn", "photos/", typed="n\n", interrupt_after=b"is full")
        self.assertIn("the disk \\x1b[31mis full", shown)

    def test_a_reader_that_leaves_takes_the_job_with_it(self):
        self.fake.fill(2000)
        self.fake.ready = None
        with subprocess.Popen([case.SITU, "infer", "cnn", "photos/", "-fjsonl"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=dict(os.environ, SITU_ADDRESS=self.address)) as child:
            child.stdout.readline()
            child.stdout.close()
            self.assertEqual(child.stderr.read(), b"")
        self.assertEqual(child.returncode, 141)
        self.assertEqual(self.fake.jobs, {})

    def test_a_run_that_is_freed_takes_its_job_with_it(self):
        done = self.situ("photos/", program=case.PROBE, PROBE_MODE="leave", status=0)
        self.assertEqual(done.out, "job00001 5 5 running\n")
        self.assertEqual(self.fake.removed, ["job00001"])


if __name__ == "__main__":
    case.main()
