# SPDX-License-Identifier: Apache-2.0
"""Events by script. One a line: the time in seconds, the action, the board, and for some a value.

    2.0 freeze  board-3       SIGSTOP
    4.0 thaw    board-3       SIGCONT
    5.0 kill    board-4       SIGKILL
    7.0 start   board-4       start it again, as fast as at first
    8.0 cut     board-5       its link is down; nobody is told
    9.0 mend    board-5       and up again
    9.5 link    board-6 10    its link has 10 Mbit/s from now on, both ways ("coordinator" has one as well)
   10.0 stutter board-7 4     stopped for 3/4 of the time; 1 ends it
   12.0 slow    board-8 4     computes four times slower from its next task on; 1 ends it

Neither a processor quota nor SIGSTOP in short turns makes an emulated board compute more slowly: it only sleeps until a
part's time has passed, and that goes on while it is stopped; `slow` changes how long it sleeps. `stutter` stops the whole
board most of the time, answers to heartbeats included: what it sends and receives is delayed, but a part whose time
passes meanwhile is not.
"""
import threading
import time

ACTIONS = {"freeze": 0, "thaw": 0, "kill": 0, "start": 0, "cut": 0, "mend": 0, "link": 1, "stutter": 1, "slow": 1}
STUTTER_S = 0.4  # one turn; shorter than a heartbeat


class BadScript(ValueError):
    pass


def check_event(event, boards):
    """@return (time_s, action, board, value or None)."""
    time_s, action, board, *value = (field for field in event if field is not None)
    if action not in ACTIONS:
        raise BadScript(f"no action is called {action!r}: {', '.join(ACTIONS)}")
    if board not in boards and not (action in ("link", "cut", "mend") and board == "coordinator"):
        raise BadScript(f"no board is called {board!r}")
    if len(value) != ACTIONS[action]:
        raise BadScript(f"{action} takes {ACTIONS[action]} values")
    number = float(value[0]) if value else None
    if number is not None and not (number >= (0.1 if action == "link" else 1) and number <= 1e5):
        raise BadScript(f"{action} {value[0]}: out of range")
    return float(time_s), action, board, number


def read_script(path, boards):
    events = []
    for n, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        try:
            if words:
                events.append(check_event(words, boards))
        except ValueError as e:
            raise BadScript(f"{path}:{n}: {e}") from None
    return events


class Player:
    """Plays a script on a thread that lives until join(), because boards that it has started die with it."""

    def __init__(self, bed, events):
        self.bed = bed
        self.events = sorted((check_event(e, bed.names) for e in events), key=lambda e: e[0])
        self.played = []
        self.stutters = {}
        self.stopping, self.done, self.over = threading.Event(), threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run, name="events")
        self.begin = 0.0

    def start(self):
        self.begin = time.monotonic()
        self.thread.start()

    def stop(self):
        """Nothing happens after this."""
        self.stopping.set()
        self.done.wait()
        for name in list(self.stutters):
            self.end_stutter(name)

    def join(self):
        self.over.set()
        self.thread.join()

    def run(self):
        try:
            for event in self.events:
                if self.stopping.wait(max(0, self.begin + event[0] - time.monotonic())):
                    break
                self.play_one(*event)
        finally:
            self.done.set()
        self.over.wait()

    def play_one(self, time_s, action, board, value):
        entry = {"time_s": round(time.monotonic() - self.begin, 3), "action": action, "board": board}
        if value is not None:
            entry["value"] = value
        try:
            getattr(self, f"do_{action}")(board, *([] if value is None else [value]))
        except Exception as e:  # a script's mistake (a board killed twice) must not end the run unseen
            entry["error"] = str(e)
        self.played.append(entry)

    # --- the actions ---

    def do_freeze(self, board):
        self.bed.freeze(board)

    def do_thaw(self, board):
        self.bed.thaw(board)

    def do_kill(self, board):
        self.end_stutter(board)
        self.bed.kill(board)

    def do_start(self, board):
        self.bed.start_board(board)

    def do_cut(self, board):
        self.bed.network.cut(self.bed.host(board))

    def do_mend(self, board):
        self.bed.network.mend(self.bed.host(board))

    def do_link(self, board, mbit):
        self.bed.network.set_rate(self.bed.host(board), mbit)

    def do_slow(self, board, factor):
        self.bed.slow(board, factor)

    def do_stutter(self, board, factor):
        self.end_stutter(board)
        if factor > 1:
            end = threading.Event()
            thread = threading.Thread(target=self.keep_stuttering, args=(board, factor, end))
            self.stutters[board] = end, thread
            thread.start()

    def keep_stuttering(self, board, factor, end):
        while not end.is_set():
            self.bed.freeze(board)
            end.wait(STUTTER_S * (1 - 1 / factor))
            self.bed.thaw(board)
            end.wait(STUTTER_S / factor)

    def end_stutter(self, board):
        if board in self.stutters:
            end, thread = self.stutters.pop(board)
            end.set()
            thread.join()
