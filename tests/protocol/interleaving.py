"""Runs in threads of their own that take one step at a time, in an order that is given."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tests.protocol.world import Killed, Step, World

QUIET = ("read", "session", "create table", "create schema")
"""Steps after which nothing has changed for anybody else: a run takes them together with the next."""


@dataclass
class Turns:
    """Who may take the next step.

    Attributes:
        waiting: The runs that wait for their turn, and how they are woken.
        over: The runs that have ended.
        killed: The runs that die when they want to take their next step.
    """

    waiting: dict[str, threading.Event] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)
    threads: dict[str, threading.Thread] = field(default_factory=dict)
    moved: threading.Condition = field(default_factory=threading.Condition)

    def step(self, run: str) -> Step:
        """Make the step of a run: it waits for its turn."""

        def wait(name: str) -> None:
            if name.startswith(QUIET) and run not in self.killed:
                return
            go = threading.Event()
            with self.moved:
                self.waiting[run] = go
                self.moved.notify_all()
            go.wait()
            if run in self.killed:
                raise Killed

        return wait

    def start(self, run: str, world: World) -> None:
        """Start a run; it waits before its first step."""

        def work() -> None:
            try:
                world.new_sync(self.step(run)).execute()
            except Killed:
                pass
            finally:
                with self.moved:
                    self.over.add(run)
                    self.moved.notify_all()

        self.threads[run] = threading.Thread(target=work, name=run)
        self.threads[run].start()

    def give(self, run: str) -> None:
        """Let a run take one step, and wait until it wants to take the next one, or has ended."""
        with self.moved:
            self.moved.wait_for(lambda: run in self.waiting or run in self.over)
            if run in self.over:
                return
            self.waiting.pop(run).set()
            self.moved.wait_for(lambda: run in self.waiting or run in self.over)

    def kill(self, run: str) -> None:
        """Let a run die where it is."""
        self.killed.add(run)

    def finish(self) -> None:
        """Let all runs go on, in turn, until they have ended."""
        while self.over != set(self.threads):
            for run in self.threads:
                self.give(run)
        for thread in self.threads.values():
            thread.join()


def started(world: World, *runs: str) -> Turns:
    """Start runs, each of which waits before its first step."""
    turns = Turns()
    for run in runs:
        turns.start(run, world)
    return turns
