"""The picture: who was served where, second by second. An SVG, written by hand."""

from html import escape

WIDTH, LEFT, RIGHT, TOP = 960, 60, 20, 124
PANEL, GAP = 100, 40
INK, PALE, RULE = "#222222", "#666666", "#d8d8d8"
# Told apart by every kind of eyes (Okabe and Ito).
COLOUR = {"europe": "#0072b2", "americas": "#e69f00", "asia": "#009e73", "": "#222222"}
ON_COLOUR = {"europe": "#ffffff", "americas": "#222222", "asia": "#ffffff", "": "#ffffff"}
WORDS = {
    "europe": ("served in Europe", "Europe"),
    "americas": ("served in the Americas", "Americas"),
    "asia": ("served in Asia", "Asia"),
    "": ("not served", "lost"),
}
CLIENTS = {
    "europe": "Clients in Europe",
    "americas": "Clients in the Americas",
    "elsewhere": "Clients elsewhere: where fewer connections are",
}


def share(requests, home, begin, end):
    """The part of the requests of a bin that each region served; the last part was not served. None: no requests."""
    parts = dict.fromkeys(COLOUR, 0)
    for request in requests:
        if request.home == home and begin <= request.until < end:
            parts[request.to if request.ok else ""] += 1
    total = sum(parts.values())
    return {who: count / total for who, count in parts.items()} if total else None


class Plot:
    def __init__(self, seconds, step):
        self.seconds, self.step, self.out = seconds, step, []

    def x(self, at):
        return LEFT + at / self.seconds * (WIDTH - LEFT - RIGHT)

    def text(self, x, y, words, size=12, colour=INK, anchor="start", weight="normal"):
        # Dark words keep a white edge, so that lines pass behind them.
        halo = "" if colour == "#ffffff" or anchor == "middle" else ' stroke="#ffffff" stroke-width="4" paint-order="stroke"'
        self.out.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
            f' font-weight="{weight}"{halo}>{escape(words)}</text>'
        )

    def line(self, x1, y1, x2, y2, colour=RULE, dash=""):
        dash = f' stroke-dasharray="{dash}"' if dash else ""
        self.out.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" fill="none"{dash}/>')

    def bins(self):
        count = int(self.seconds / self.step)
        return [(index * self.step, (index + 1) * self.step) for index in range(count)]

    def shares(self, requests, home, top):
        """A panel: the parts stacked upon each other, one column a bin."""
        bins = [(begin, end, share(requests, home, begin, end)) for begin, end in self.bins()]
        below = {begin: 0.0 for begin, _, _ in bins}
        for who, colour in COLOUR.items():
            columns, widest = [], (0, 0, 0)
            run = 0.0  # for how long the part is large enough to write on
            for begin, end, parts in bins:
                part = parts[who] if parts else 0
                if part > 0:
                    y = top + PANEL * (1 - below[begin] - part)
                    columns.append(
                        f"M{self.x(begin):.1f} {y:.1f}H{self.x(end):.1f}V{y + PANEL * part:.1f}H{self.x(begin):.1f}Z"
                    )
                    below[begin] += part
                run = run + self.step if part > 0.6 else 0.0
                widest = max(widest, (run, end - run, end))
            if columns:
                # A line of its own colour closes the seams between the columns.
                self.out.append(f'<path d="{"".join(columns)}" fill="{colour}" stroke="{colour}" stroke-width="0.3"/>')
            _, begin, end = widest
            width = self.x(end) - self.x(begin)
            words = next((words for words in WORDS[who] if width > 7 * len(words)), "")
            middle = (self.x(begin) + self.x(end)) / 2
            self.text(middle, top + PANEL * 0.55, words, 12, ON_COLOUR[who], "middle")
        self.axis(top, ["0 %", "50 %", "100 %"])

    def axis(self, top, labels):
        for index, label in enumerate(labels):
            y = top + PANEL * (1 - index / (len(labels) - 1))
            self.text(LEFT - 8, y + 4, label, 11, PALE, "end")
            self.line(LEFT - 4, y, LEFT, y, PALE)
        self.line(LEFT, top + PANEL, WIDTH - RIGHT, top + PANEL, PALE)

    def connections(self, samples, top):
        """A panel: what the load balancers report; a gap where one does not answer."""
        self.text(LEFT, top - 8, "Connections, as each load balancer reports them", 13, weight="bold")
        most = max((value for _, counts in samples for value in counts.values() if value), default=1)
        most = -(-most // 10) * 10
        y = lambda value: top + PANEL * (1 - value / most)
        for region in ["europe", "americas", "asia"]:
            path, down, peak = [], True, (0, 0)
            for at, counts in samples:
                value = counts[region]
                if value is not None:
                    path.append(f"{'M' if down else 'L'}{self.x(at):.1f} {y(value):.1f}")
                    peak = max(peak, (value, at))
                down = value is None
            self.out.append(f'<path d="{"".join(path)}" stroke="{COLOUR[region]}" stroke-width="2" fill="none"/>')
            name = WORDS[region][1]
            # Beside the peak, on the side that has room.
            value, at = peak
            anchor, shift = ("end", -6) if at > self.seconds / 2 else ("start", 6)
            self.text(self.x(at) + shift, max(y(value) + 4, top + 10), name, 12, INK, anchor, "bold")
        self.axis(top, ["0", str(most // 2), str(most)])

    def events(self, phases, bottom):
        """What was done and when, above and through all panels."""
        for phase in phases:
            if not phase.label:
                continue
            x = self.x(phase.begin)
            self.line(x, TOP - 58, x, bottom, PALE, "3 3")
            for row, words in enumerate(phase.label):
                self.text(x + 4, TOP - 50 + 13 * row, words, 11)

    def clock(self, bottom):
        every = 10 if self.seconds > 30 else 2
        for at in range(0, int(self.seconds) + 1, every):
            self.line(self.x(at), bottom, self.x(at), bottom + 4, PALE)
            self.text(self.x(at), bottom + 17, f"{at} s", 11, PALE, "middle")


def draw(journal, phases, samples, note):
    """The whole picture as text. `note` says in what time things should happen."""
    seconds = phases[-1].end
    plot = Plot(seconds, 1.0 if seconds > 30 else 0.5)
    tops = [TOP + index * (PANEL + GAP) for index in range(4)]
    bottom = tops[3] + PANEL
    plot.text(LEFT, 26, "Three regions behind geosteer: where clients were served", 18, weight="bold")
    plot.text(LEFT, 46, note, 12, PALE)
    for home, top in zip(CLIENTS, tops):
        plot.shares(journal, home, top)
    plot.events(phases, bottom)
    plot.connections(samples, tops[3])
    for home, top in zip(CLIENTS, tops):
        plot.text(LEFT, top - 8, CLIENTS[home], 13, weight="bold")
    plot.clock(bottom)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 30}" width="{WIDTH}"'
        f' height="{bottom + 30}" font-family="system-ui, sans-serif" role="img"'
        ' aria-label="Share of the clients that each region served, over time">'
        f'<rect width="{WIDTH}" height="{bottom + 30}" fill="#ffffff"/>'
    )
    return "\n".join([head, *plot.out, "</svg>\n"])
