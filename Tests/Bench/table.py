"""The table that a measurement ends in. Bounds stand here and in docs/measurements.md."""

BOUNDS = {
    "agent-size": 900_000,
    "agent-memory": 2048,
    "uplink-memory": 14336,
    "heap-calls": 0,
    "sealing": 1.25,
    "written": 1.2,
    "first-leaf": 50,
}


class Table:
    def __init__(self, title):
        self.title = title
        self.rows = []

    def add(self, what, value, unit="", bound=None, note=""):
        """A measured figure; with a bound, whether it lies within it."""
        shown = f"{value:.2f}" if isinstance(value, float) else f"{value}"
        if bound is None:
            self.rows.append((what, f"{shown} {unit}".strip(), "-", note))
        else:
            limit = BOUNDS[bound]
            verdict = "within" if value <= limit else "OVER"
            self.rows.append((what, f"{shown} {unit}".strip(), f"{limit} {unit}".strip(),
                              verdict + (f"; {note}" if note else "")))

    def absent(self, what, reason):
        """What could not be measured is said, never left out."""
        self.rows.append((what, "not measured", "-", reason))

    def show(self):
        head = ("what", "measured", "bound", "")
        widths = [max(len(row[column]) for row in [head, *self.rows]) for column in range(3)]
        print(f"\n{self.title}")
        for row in [head, *self.rows]:
            what, value, bound, note = row
            print(f"  {what:<{widths[0]}}  {value:>{widths[1]}}  {bound:>{widths[2]}}  {note}".rstrip())
