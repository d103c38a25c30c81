#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows a deployment while it happens, from slipwayd's events.

    slipway event follow --json | show.py TASK PHASES.json

Reads one JSON event a line, draws a line with a bar for each phase, writes how
long each took to PHASES.json, and ends when the task has ended: status 0 when
it succeeded.
"""
import json
import sys
import time

BAR = 28


def size(number):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024


class Display:
    def __init__(self):
        self.live = sys.stdout.isatty()
        self.start = time.monotonic()
        self.phases = []
        self.name = None
        self.shown = 0

    def seconds(self):
        return time.monotonic() - self.start

    def line(self, mark, permille, text, end):
        filled = BAR * min(permille, 1000) // 1000
        bar = "=" * filled + " " * (BAR - filled)
        print(f"\r{self.seconds():6.1f} s  {mark} {self.name:<26} [{bar}] {text:<34.34}", end=end, flush=True)

    def phase(self, name):
        if name == self.name:
            return
        self.finish()
        self.name, self.began = name, self.seconds()
        if self.live:
            self.line(" ", 0, "", "")

    def progress(self, permille, text):
        # A terminal sees every step, a log file one line a tenth.
        if self.live:
            self.line(" ", permille, text, "")
        elif self.name and permille // 100 > self.shown:
            self.shown = permille // 100
            self.line(" ", permille, text, "\n")

    def finish(self, mark="+", text=""):
        if self.name:
            took = self.seconds() - self.began
            self.line(mark, 1000, text or f"{took:.1f} s", "\n")
            self.phases.append({"phase": self.name, "seconds": round(took, 1)})
        self.name, self.shown = None, 0


def follow(task, display):
    moved = 0
    for raw in sys.stdin:
        event = json.loads(raw)
        kind = event.get("event", "")
        if kind.startswith("transfer-"):
            done, total = event.get("bytes_done", 0), event.get("bytes_total", 0)
            if total > 4 << 20:  # the engine, not a size probe
                display.phase("firmware loads the engine")
                display.progress(1000 * done // total, f"{size(done)} of {size(total)}")
            if kind == "transfer-done" and total > 4 << 20:
                moved += total
                if not event["name"].startswith("kernel-"):  # its initramfs follows
                    display.phase("engine starts")
        elif kind == "host-boot":
            display.phase("firmware asks for an address")
        elif event.get("task") != task:
            if kind == "session-opened":
                display.phase("engine connects")
        elif kind == "session-opened":
            display.phase("engine connects")
        elif kind == "task-step":
            display.phase(f"step {event['step'] + 1}: {event['action']}")
        elif kind == "task-progress":
            text = event.get("text", "")
            if event.get("bytes_total"):
                text = f"{size(event['bytes_done'])} of {size(event['bytes_total'])} {text}"
            display.progress(event.get("permille", 0), text)
        elif kind == "task-state":
            state = event.get("state")
            if state in ("leaving", "succeeded"):
                display.finish()
                return state, moved
            if state in ("failed", "cancelled"):
                display.finish("!", state)
                return state, moved
    return "lost", moved


def main():
    display = Display()
    display.phase("power on")
    state, moved = follow(sys.argv[1], display)
    with open(sys.argv[2], "w") as out:
        json.dump({"phases": display.phases, "boot_file_bytes": moved, "state": state}, out)
    sys.exit(0 if state in ("leaving", "succeeded") else 1)


main()
