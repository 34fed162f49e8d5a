# SPDX-License-Identifier: Apache-2.0
"""Tests of the lints: each finds a fault that is planted, and accepts good files; and tools/run-tests counts
failed, skipped and crashed tests correctly.
"""
import importlib.machinery
import importlib.util
import os
import unittest

import circles
import events
import layers
import names
import size
import symbols
import tidy
import tree
import words


def load_run_tests():
    loader = importlib.machinery.SourceFileLoader(
        "run_tests", os.path.join(tree.ROOT, "tools", "run-tests"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", loader))
    loader.exec_module(module)
    return module


class Layers(unittest.TestCase):
    def test_lower_rows_and_the_own_room_are_seen(self):
        for room, name in (("wire", "base/buffer.h"), ("daemon", "http/http.h"), ("media", "media/media.h"),
                           ("model", "fields.h"), ("cli", "situ.h"), ("base", "jansson.h")):
            self.assertIsNone(layers.judge("x.c", room, name), (room, name))

    def test_rows_above_and_beside_are_not(self):
        self.assertIn("above", layers.judge("x.c", "base", "wire/message.h"))
        self.assertIn("beside", layers.judge("x.c", "http", "store/store.h"))
        self.assertIn("beside", layers.judge("x.c", "daemon", "worker/serve.h"))
        self.assertIn("must not know", layers.judge("x.c", "service", "http/http.h"))
        self.assertIsNone(layers.judge("x.c", "api", "http/http.h"))

    def test_the_cli_sees_the_public_header_only(self):
        self.assertIn("base and rights/rights.h and wire/npy.h only", layers.judge("x.c", "cli", "wire/message.h"))
        self.assertIsNone(layers.judge("x.c", "cli", "wire/npy.h"))
        self.assertIn("cli", layers.judge("x.c", "cli", "client/client.h"))
        self.assertIsNotNone(layers.judge("x.c", "daemon", "situ.h"))

    def test_the_page_draws_the_rows_that_are_listed(self):
        page = "```\nservices  infer  jobs\nground    base\n```\n\ntext\n"
        self.assertEqual([("ground", {"base"}), ("services", {"infer", "jobs"})],
                         list(layers.page_rows(page).items()))
        self.assertEqual({}, layers.page_rows("```\nno row\n```\n"))

    def test_foreign_headers_stay_in_their_room(self):
        for room, name in (("daemon", "gnutls/gnutls.h"), ("http", "jansson.h"), ("worker", "onnxruntime_c_api.h"),
                           ("engine", "jpeglib.h"), ("store", "openssl/evp.h"), ("cache", "lmdb.h"),
                           ("daemon", "linux/landlock.h")):
            self.assertIn("only", layers.judge("x.c", room, name), (room, name))

    def test_a_room_does_not_call_what_is_another_rooms(self):
        text = "int f(void)\n{\n    mdb_env_close(env);\n    mdb_get(txn, dbi, &key, &value);\n}\n"
        self.assertEqual([(3, "cache calls mdb_env_close, which is for mdb only")], list(layers.calls("cache", text)))
        self.assertEqual([], list(layers.calls("mdb", text)))


class Names(unittest.TestCase):
    def test_doubled_homeless_and_uncalled_names_are_found(self):
        words = {"index": {"index"}, "jobs": {"job"}}
        lines = [("src/index/a.o", "index_get", "T"), ("src/jobs/b.o", "index_get", "T"), ("src/jobs/b.o", "get", "T"),
                 ("src/jobs/c.o", "get", "U"), ("src/jobs/c.o", "index_get", "U"), ("src/jobs/c.o", "job_a", "T")]
        defined, used = names.functions(lines)
        self.assertEqual(3, len(list(names.judge(defined, used, words, set()))))
        self.assertEqual(2, len(list(names.judge(defined, used, words, {"job_a"}))))

    def test_the_mark_belongs_to_one_declaration(self):
        header = "/* For tests; a thing. */\nint job_a(void);\nint job_b(void); /* NULL is fine */\n"
        self.assertEqual([("job_a", True), ("job_b", False)], list(names.declarations(header)))


class Sizes(unittest.TestCase):
    @staticmethod
    def function(lines):
        return ["int f(void)", "{"] + ["    g();"] * (lines - 2) + ["}"]

    def test_a_function_of_eighty_lines_passes_and_one_more_does_not(self):
        self.assertEqual([], list(size.long_functions(self.function(80))))
        self.assertEqual([(2, 81)], list(size.long_functions(self.function(81))))


class Words(unittest.TestCase):
    GOOD = ["/* SPDX-License-Identifier: Apache-2.0", " *", " * A thing.", " */"]

    def test_a_good_file_passes(self):
        self.assertEqual([], list(words.judge("src/base/thing.c", self.GOOD)))

    def test_licence_purpose_name_and_notes_are_judged(self):
        self.assertEqual(1, len(list(words.judge("src/base/thing.c", ["/* A thing. */"]))))
        self.assertEqual(1, len(list(words.judge("a.c", ["/* SPDX-License-Identifier: Apache-2.0 */"]))))
        self.assertEqual(1, len(list(words.judge("src/base/util.c", self.GOOD))))
        self.assertEqual(1, len(list(words.judge("a.c", self.GOOD + ["/* TO" + "DO: more */"]))))


class Tidy(unittest.TestCase):
    def test_leaks_alone_are_left_to_the_sanitizer(self):
        leak = "a.c:1:2: error: Potential leak of memory pointed to by 'p' [clang-analyzer-unix.Malloc,-warnings-as-errors]"
        other = "a.c:1:2: error: Attempt to free released memory [clang-analyzer-unix.Malloc,-warnings-as-errors]"
        self.assertTrue(tidy.NO_LEAK.search(leak))
        self.assertFalse(tidy.NO_LEAK.search(other))
        self.assertTrue(tidy.TOLD.search(other))


class Symbols(unittest.TestCase):
    def test_only_prefixed_names_are_exported(self):
        self.assertEqual(["buffer_add"], symbols.foreign_exports(
            "0000 T situ_open\n0000 T buffer_add@@SITU_0.1\n0000 A SITU_0.1\n"))

    def test_back_ends_of_tests_are_known_by_name(self):
        self.assertIn("tar_backend", symbols.test_backends())


class Circles(unittest.TestCase):
    ONE_WAY = "lib.p/a.c.o: a_make T 0 4\nlib.p/a.c.o: b_find U\nlib.p/b.c.o: b_find T 0 4\nlib.p/b.c.o: free U\n"

    def test_files_that_call_each_other_are_found(self):
        self.assertEqual([], list(circles.judge("x", circles.calls(circles.parse(self.ONE_WAY)))))
        both = self.ONE_WAY + "lib.p/b.c.o: a_make U\n"
        self.assertEqual(["src/x:1: a circle of calls among 2 files: a -> b (b_find); b -> a (a_make)"],
                         list(circles.judge("x", circles.calls(circles.parse(both)))))

    def test_a_static_function_of_the_same_name_is_no_call(self):
        local = self.ONE_WAY + "lib.p/b.c.o: a_make t 0 4\n"
        self.assertEqual([], list(circles.judge("x", circles.calls(circles.parse(local)))))


class Events(unittest.TestCase):
    PAGE = "# LOG\n```\nevent=no_row\n```\n```\nready, stopping   start\n                  and end_of it\n```\n# NEXT\n"
    SOURCE = '''static void say(void *context, const char *event)
{
    log_event(LEVEL, event, "a=%d", f(1, 2));
}

static void f(void)
{
    say(context(1, 2), "stopping");
    call_log(call, good ? "ready" : "stopping", "%s", "");
}
'''

    def judge(self, page, source):
        return list(events.judge(page, [("x.c", source)]))

    def test_the_page_and_the_source_agree(self):
        self.assertEqual([], self.judge(self.PAGE, self.SOURCE))

    def test_an_event_that_the_page_lacks_is_found(self):
        for source in (self.SOURCE.replace('"ready"', '"steady"'), self.SOURCE.replace(', "stopping")', ', "steady")')):
            self.assertIn("does not list the event steady", self.judge(self.PAGE, source)[0])

    def test_an_event_that_only_the_page_has_is_found(self):
        self.assertEqual([f"{events.PAGE}:6: the source does not log the event going"],
                         self.judge(self.PAGE.replace("ready,", "ready, going,"), self.SOURCE))

    def test_an_array_of_events_is_read(self):
        source = 'static const char *const words[] = {[A] = "ready", [B] = "stopping"};\n\n' \
                 'static void f(void)\n{\n    log_event(LEVEL, words[event], "");\n}\n'
        self.assertEqual([], self.judge(self.PAGE, source))
        self.assertIn("x.c:5: the event cannot be determined", self.judge(self.PAGE, source.replace("words[e", "any[e"))[0])


class Counting(unittest.TestCase):
    def setUp(self):
        self.run_tests = load_run_tests()

    def count(self, stdout, result):
        totals = self.run_tests.Totals()
        self.run_tests.count_meson_test({"name": "situ:unit / room/part", "stdout": stdout, "result": result}, totals)
        return totals.passed, len(totals.failures), totals.skipped

    def test_each_case_counts(self):
        told = "1..3\nok 1 - a\nnot ok 2 - b\n# 1 != 2\nnot ok 3 # SKIP c\n# not ok - tests\n"
        self.assertEqual((1, 1, 1), self.count(told, "FAIL"))

    def test_a_skip_says_why(self):
        totals = self.run_tests.Totals()
        for name, told in (("cases", "1..2\nnoise\nok 1 - a\n# skipped: no tar\nnot ok 2 # SKIP b\n"),
                           ("silent", "1..1\nok 1 # SKIP c\n"), ("whole", "this and that\nskipped: no PIL\n")):
            self.run_tests.count_meson_test({"name": name, "stdout": told, "result": "SKIP"}, totals)
        self.assertEqual(["cases: b: no tar", "silent: c: no reason given", "whole: no PIL"], totals.skips)

    def test_groups_add_up(self):
        self.assertEqual((2, 0, 0), self.count("1..1\nok 1 - a\n# ok - x\n1..1\nok 1 - b\n", "OK"))

    def test_a_crash_is_a_failure(self):
        self.assertEqual((1, 1, 0), self.count("1..2\nok 1 - a\n", "FAIL"))
        self.assertEqual((1, 1, 0), self.count("1..1\nok 1 - a\n==1==ERROR: LeakSanitizer\n", "FAIL"))
        self.assertEqual((0, 1, 0), self.count("", "TIMEOUT"))

    def test_a_program_without_cases_counts_as_one(self):
        self.assertEqual((1, 0, 0), self.count("done\n", "OK"))
        self.assertEqual((0, 0, 1), self.count("no data\n", "SKIP"))


if __name__ == "__main__":
    unittest.main()
