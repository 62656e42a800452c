"""What she sees: a coloured note in JupyterLab and Colab, plain text elsewhere. One look for right, not yet and blank.

Colours are translucent over the page's own, so that light and dark themes both stay legible; sign, word and colour say
the same, so that no reader depends on one of them. All that comes from her code is escaped.
"""

import base64
import html
import io
import sys
from dataclasses import dataclass, field

LOOK = {  # state → (sign, colour of the bar; blue, orange and purple of a palette safe for colour-blind eyes)
    "right": ("✓", "0,114,178"),
    "wrong": ("✗", "213,94,0"),
    "blank": ("○", "204,121,167"),
    "note": ("→", "128,128,128"),
}


@dataclass
class Picture:
    """Yours beside the expected: two matrices as heat maps (`kind` "heat") or two series as lines ("lines")."""

    kind: str
    mine: list
    expected: list
    title: str = ""
    x: str = ""
    y: str = ""

    def alt(self):
        what = "heat maps" if self.kind == "heat" else "curves"
        return f"{self.title}: two {what}, yours beside the expected"

    def png(self):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure  # not pyplot: the notebook's own figures are left alone

        figure = Figure(figsize=(7.2, 2.7), dpi=110, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        (_heat if self.kind == "heat" else _lines)(figure, self)
        file = io.BytesIO()
        figure.savefig(file, format="png")
        return file.getvalue()


def _heat(figure, picture):
    import numpy as np

    left, right = figure.subplots(1, 2)
    mine, expected = np.asarray(picture.mine, float), np.asarray(picture.expected, float)
    low, high = float(np.nanmin(expected)), float(np.nanmax(expected))
    for axes, values, title in ((left, mine, "yours"), (right, expected, "expected")):
        image = axes.imshow(values, cmap="viridis", vmin=low, vmax=high, aspect="auto")
        axes.set(title=title, xlabel=picture.x, ylabel=picture.y)
    figure.colorbar(image, ax=[left, right])
    figure.suptitle(picture.title, fontsize=10)


def _lines(figure, picture):
    axes = figure.subplots()
    axes.plot(picture.expected, color="#0072B2", lw=3, label="expected")
    axes.plot(picture.mine, color="#D55E00", lw=1.5, ls="--", marker="o", ms=3, label="yours")
    axes.set(title=picture.title, xlabel=picture.x, ylabel=picture.y)
    axes.legend(frameon=False)


@dataclass
class Note:
    """A message with a state. Displays itself as HTML where that is possible; str() is the same in plain text."""

    state: str
    title: str
    lines: list = field(default_factory=list)
    code: str = ""
    picture: Picture | None = None

    def __repr__(self):
        text = "\n".join([f"{LOOK[self.state][0]} {self.title}", *(f"  {line}" for line in self.lines)])
        return text + ("\n" + "\n".join("  | " + line for line in self.code.splitlines()) if self.code else "")

    def _repr_html_(self):
        sign, colour = LOOK[self.state]
        loud = "font-size:1.15em;padding:.6em .9em;" if self.state == "blank" else "padding:.4em .9em;"
        parts = [f"<strong>{sign} {html.escape(self.title)}</strong>"]
        parts += [f"<div>{html.escape(str(line))}</div>" for line in self.lines]
        if self.code:
            parts.append(
                f'<pre style="white-space:pre-wrap;color:inherit;background:transparent;margin:.4em 0">'
                f"{html.escape(self.code)}</pre>"
            )
        if self.picture is not None:
            data = base64.b64encode(self.picture.png()).decode()
            parts.append(
                f'<img style="max-width:100%" alt="{html.escape(self.picture.alt())}" src="data:image/png;base64,{data}">'
            )
        return (
            f'<div role="status" style="border-left:6px solid rgb({colour});background:rgba({colour},.12);color:inherit;'
            f'{loud}margin:.3em 0;line-height:1.45">' + "".join(parts) + "</div>"
        )


def show(note):
    """Display a note in the notebook, or print it."""
    if in_notebook():
        from IPython.display import display

        display(note)
    else:
        print(note)


def in_notebook():
    """Is this IPython with a front end that shows HTML? (IPython's own terminal shows the text.)"""
    ipython = sys.modules.get("IPython")
    return bool(ipython and ipython.get_ipython())
