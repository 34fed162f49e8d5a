# SPDX-License-Identifier: Apache-2.0
"""Quotas of sections: requests per second, and requests at a time."""

import http.client
import threading
import time

import requests

from conftest import grey_png
from rights import bearer, reload, token_section


def serve(situd, tmp_path, models, text, *args):
    for i in range(8):
        grey_png(tmp_path / f"photos/{i}.png", i)
    (tmp_path / "rights").write_text(text)
    return situd("--store", f"photos={tmp_path}/photos", "--engine", "null", "--models", models,
                 "--token-file", tmp_path / "rights", *args)


def test_requests_per_second_hold_within_a_tenth(situd, tmp_path, null_models):
    """The quota, and one second's worth at the start; also over a reload."""
    text = token_section("few", "metrics", requests_per_second=40) + token_section("many", "metrics")
    daemon = serve(situd, tmp_path, null_models(quick="sleep 0"), text)
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    taken, refused, reloaded, longest = 0, 0, False, 0
    began = last = time.monotonic()
    while last < began + 5:
        connection.request("GET", "/v1/status", headers=bearer("few"))
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (200, 429)
        if answer.status == 429:
            assert answer.getheader("Retry-After") == "1"
            refused += 1
        taken += answer.status == 200
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
        if time.monotonic() > began + 2.5 and not reloaded:
            (tmp_path / "rights").write_text("# again\n" + text)
            reload(daemon)
            reloaded = True
    expected = 40 * (1 + time.monotonic() - began)
    assert taken <= 1.1 * expected, (taken, refused)
    if longest < 0.9:  # otherwise a full second's requests may have been left unused
        assert taken >= 0.9 * expected, (taken, refused)
    for _ in range(100):
        assert daemon.get("/v1/status", headers=bearer("many")).status_code == 200


def test_requests_at_a_time_are_counted_until_they_end_and_over_a_reload(situd, tmp_path, null_models):
    text = token_section("two", "infer metrics", "photos", concurrent=2)
    daemon = serve(situd, tmp_path, null_models(slow="sleep 3000"), text +
                   token_section("watch", "metrics"), "--lanes", "2", "--cache-size", "0")

    def infer(i, **kw):
        return requests.get(f"{daemon.url}/v1/infer/slow/photos/{i}.png", headers=bearer("two"), timeout=60, **kw)

    def active():
        return daemon.get("/v1/status", headers=bearer("two")).status_code

    answers = []
    threads = [threading.Thread(target=lambda i=i: answers.append(infer(i).status_code)) for i in range(2)]
    assert active() == 200
    for thread in threads:
        thread.start()
    daemon.wait_for(lambda: active() == 429, "the two requests")
    (tmp_path / "rights").write_text("# again\n" + text + token_section("watch", "metrics"))
    reload(daemon)
    refused = daemon.get("/v1/status", headers=bearer("two"))
    if len(answers) == 0:
        assert refused.status_code == 429 and refused.headers["Retry-After"] == "1"
        assert "'two' allow 2 requests at a time" in refused.json()["error"]
    assert daemon.get("/v1/status", headers=bearer("watch")).status_code == 200
    for thread in threads:
        thread.join()
    assert answers == [200, 200]
    assert active() == 200

    for _ in range(3):  # clients that leave give their places back, too
        try:
            infer(3, stream=True).close()
        except requests.exceptions.RequestException:
            pass
    daemon.wait_for(lambda: active() == 200, "the places of those that left")
