"""What is done when, what is promised of it, and whether it was kept."""

from typing import NamedTuple

from clients import AMERICAS, ASIA, ELSEWHERE, EUROPE

# What this script itself adds to a time: it shares the machine with everything that it watches.
SLACK_S = 0.75
# Connections are reported once an interval; after two of them answers follow.
FEEDBACK_S = 2


class Form(NamedTuple):
    """A play: phases, and keys of the zone's file that it runs with."""

    phases: list  # (what is done, seconds)
    settings: dict

    @property
    def timing(self):
        """Interval, timeout, fall, rise and TTL; seconds and counts. The zone's own unless the play sets others."""
        return {"interval": 1, "timeout": 1, "fall": 3, "rise": 2, "ttl": 5, **self.settings}

    def away(self):
        """Longest time for which clients go on to a dead region."""
        time = self.timing
        return time["fall"] * time["interval"] + time["timeout"] + time["ttl"]

    def home(self):
        """Longest time until they are all back."""
        time = self.timing
        return time["rise"] * time["interval"] + time["timeout"] + time["ttl"]

    def note(self):
        """What the picture's reader should know."""
        time = self.timing
        return (
            f"Probed every {time['interval']} s, down after {time['fall']} failures, answers kept {time['ttl']} s:"
            f" a dead region is left within {self.away()} s, and taken again within {self.home()} s"
        )


FULL = Form(
    [
        ("calm", 8),
        ("kill a server", 7),
        ("mend the server", 7),
        ("kill a region", 14),
        ("mend the region", 12),
        ("a rush in Europe", 13),
        ("cut the prober off", 14),
        ("mend the prober's network", 8),
    ],
    {},
)
SHORT = Form(
    [
        ("calm", 1),
        ("kill a server", 1.5),
        ("mend the server", 0.5),
        ("kill a region", 5),
        ("mend the region", 5),
        ("cut the prober off", 4),
        ("mend the prober's network", 0.5),
    ],
    {"ttl": 1, "fall": 2},
)
LABELS = {
    "calm": (),
    "kill a server": ("a European", "server dies"),
    "mend the server": ("the server", "is back"),
    "kill a region": ("all of Europe dies", "(3 servers and their", "load balancer)"),
    "mend the region": ("Europe is back",),
    "a rush in Europe": ("three times the", "Europeans"),
    "cut the prober off": ("the prober's", "network is cut"),
    "mend the prober's network": ("… and", "mended"),
}


class Phase:
    """One phase, as it was."""

    def __init__(self, what, begin):
        self.what, self.begin, self.end, self.label = what, begin, None, LABELS[what]


class Watch:
    """The phases so far, on the clock of the crowd."""

    def __init__(self, crowd):
        self.crowd, self.phases, self.now = crowd, [], crowd.now

    def begin(self, what):
        self.end()
        self.phases.append(Phase(what, self.now()))

    def end(self):
        if self.phases:
            self.phases[-1].end = self.now()

    def of(self, phase, home=None, journal=None):
        """The requests, or other items, that ended in a phase: one that a death cuts off belongs to the death."""
        journal = self.crowd.requests if journal is None else journal
        return [item for item in journal if phase.begin <= item.until < phase.end and item.home == (home or item.home)]


def broken_promises(watch, phase, form):
    """What a phase promised and did not keep."""
    europeans, americans, others = [watch.of(phase, home) for home in (EUROPE, AMERICAS, ELSEWHERE)]
    strayed = lambda requests: [request for request in requests if request.to != request.home]
    lost = [request for request in watch.of(phase) if not request.ok]
    after = lambda items, seconds: [item for item in items if item.at - phase.begin > seconds + SLACK_S]
    found = []

    def promise(requests, words):
        if requests:
            found.append(f"{phase.what}: {len(requests)} requests {words}, first {requests[0]}")

    if not europeans or not americans or not others:
        found.append(f"{phase.what}: nobody asked")
    match phase.what:
        case "kill a region":
            dead = [request for request in europeans + others if request.to in (EUROPE, "")]
            promise(after(dead, form.away()), "to a dead region")
            found += unevenly(phase, [request for request in europeans if request.to in (AMERICAS, ASIA)])
            promise(strayed(americans), "of Americans to Europe")
            promise([request for request in lost if request.home == AMERICAS], "of Americans lost")
            promise([request for request in lost if request.to in (AMERICAS, ASIA)], "lost by a region that lived")
        case "mend the region":
            promise(after(strayed(europeans), form.home()), "of Europeans not at home again")
            promise(strayed(americans), "of Americans to Europe")
            promise(lost, "lost")
        case "a rush in Europe":
            promise(strayed(europeans + americans), "to another region than their own")
            promise(lost, "lost")
            answers = after(watch.of(phase, ELSEWHERE, watch.crowd.answers), FEEDBACK_S)
            busy = [answer for answer in answers if answer.to == EUROPE]
            if not answers or len(busy) > len(answers) / 4:
                found.append(f"{phase.what}: {len(busy)} of {len(answers)} answers lead others to the busy region")
        case _:
            promise(strayed(europeans + americans), "to another region than their own")
            promise(lost, "lost")
    return found


def unevenly(phase, guests):
    """What is wrong with where a dead region's clients are: the region that has more room takes more, and not all."""
    near, far = [sum(request.to == region for request in guests) for region in (AMERICAS, ASIA)]
    if guests and far > near > 0:
        return []
    return [f"{phase.what}: of {len(guests)} requests of Europeans {near} to the Americas and {far} to Asia, which has more room"]


def percent(requests, region):
    """The part that a region served; nothing if none."""
    served = sum(request.ok and request.to == region for request in requests)
    return f"{100 * served / len(requests):.0f} %" if requests else "-"


def changed(watch, phase, form):
    """After how long the name server answered Europeans otherwise, and the last of them went by an old answer."""
    if phase.what not in ("kill a region", "mend the region"):
        return "-", "-", "-"
    leaves = phase.what == "kill a region"
    is_new = lambda item: (item.to != EUROPE) == leaves
    answers = watch.of(phase, EUROPE, watch.crowd.answers)
    first = next((f"{answer.at - phase.begin:.1f} s" for answer in answers if is_new(answer)), "never")
    old = [request.at - phase.begin for request in watch.of(phase, EUROPE) if not is_new(request)]
    limit = form.away() if leaves else form.home()
    return first, f"{max(old, default=0):.1f} s", f"{limit} s"


def report(watch, form):
    """Prints what clients saw in each phase; true if a promise was broken."""
    head = ["what was done", "seconds", "requests", "Europeans at home", "in the Americas", "in Asia"]
    head += ["Americans at home", "others in Europe", "not served", "new answers after", "last by an old one", "promised"]
    rows = [head]
    for phase in watch.phases:
        requests = watch.of(phase)
        rows.append(
            [
                phase.what,
                f"{phase.end - phase.begin:.1f}",
                str(len(requests)),
                *[percent(watch.of(phase, EUROPE), region) for region in (EUROPE, AMERICAS, ASIA)],
                percent(watch.of(phase, AMERICAS), AMERICAS),
                percent(watch.of(phase, ELSEWHERE), EUROPE),
                str(sum(not request.ok for request in requests)),
                *changed(watch, phase, form),
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    print()
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join(cells))
    print()
    broken = [line for phase in watch.phases for line in broken_promises(watch, phase, form)]
    for line in broken:
        print(f"  WRONG: {line}")
    return bool(broken)
