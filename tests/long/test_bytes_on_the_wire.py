# SPDX-License-Identifier: Apache-2.0
"""The bytes that a bulk classification sends: counted by the daemon on its connections, including HTTP heads."""
import time

import pytest


@pytest.mark.photos
@pytest.mark.parametrize("top, limit", [(1, 4000), (5, 9000)])
def test_bytes_of_a_bulk_classification(situd, situ_cli, corpus, top, limit):
    daemon = situd("--store", f"photos={corpus.photos}", "--models", corpus.models)

    def wire():
        now = daemon.status()
        return now["bytes_sent"] + now["bytes_received"]

    situ_cli(daemon, "model", "list")
    before = wire()
    own = wire() - before  # of a status request itself
    before = wire()
    done = situ_cli(daemon, "infer", corpus.model, "photos/", "--top", top, "--no-labels", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 128
    time.sleep(0.2)
    spent = wire() - before - own
    print(f"\n{spent} bytes on the wire for 128 photos, top-{top}: {done.stderr.splitlines()[-1]}")
    assert spent < limit
