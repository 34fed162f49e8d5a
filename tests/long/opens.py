# SPDX-License-Identifier: Apache-2.0
"""Counts the files below a directory that any process opens, from the kernel's events (inotify)."""
import ctypes
import os
import struct
import threading

IN_OPEN = 0x20
IN_Q_OVERFLOW = 0x4000
IN_ISDIR = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_HEAD = struct.Struct("iIII")


class Opens:
    """While it runs, `paths` gets the path of each open of a file, in order."""

    def __init__(self, directory):
        self.paths = []
        self._lost = False
        self._fd = _LIBC.inotify_init1(os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._watches = {}
        for place, _, _ in os.walk(directory):
            watch = _LIBC.inotify_add_watch(self._fd, os.fsencode(place), IN_OPEN)
            if watch < 0:
                raise OSError(ctypes.get_errno(), f"inotify_add_watch {place}")
            self._watches[watch] = place
        self._end = os.path.join(directory, ".end-of-opens")
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Its own open comes after all earlier ones, and tells the thread that there are no more.
        with open(self._end, "wb"):
            pass
        self._thread.join()
        os.unlink(self._end)
        os.close(self._fd)
        assert not self._lost, "the kernel's queue of events ran over"

    def _read(self):
        while True:
            events = os.read(self._fd, 1 << 16)
            at = 0
            while at < len(events):
                watch, mask, _, size = _HEAD.unpack_from(events, at)
                name = events[at + _HEAD.size:at + _HEAD.size + size].rstrip(b"\0")
                at += _HEAD.size + size
                if mask & IN_Q_OVERFLOW:
                    self._lost = True
                    continue
                path = os.path.join(self._watches[watch], os.fsdecode(name))
                if path == self._end:
                    return
                if not mask & IN_ISDIR:
                    self.paths.append(path)
