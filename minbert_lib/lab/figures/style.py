"""One look for every figure: colours that colour-blind eyes can tell apart, sizes that are legible at column width.

Notable choices: a white background of its own, so that a figure reads the same on a dark page; SVG text as text; ids and dates
that do not change, so that a figure rebuilt from the same records is the same file, byte for byte.
"""

import sys
import textwrap
from contextlib import contextmanager

# Okabe & Ito's palette, in an order in which neighbours differ in brightness too
BLUE, ORANGE, GREEN, PURPLE, SKY, RED, YELLOW, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000",
)  # fmt: skip
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, BLACK)
GREY = "#8A8A8A"
TASK_COLOUR = {"sst": BLUE, "qqp": ORANGE, "sts": GREEN, "cfimdb": PURPLE}
TASK_NAME = {"sst": "SST accuracy", "qqp": "QQP accuracy", "sts": "STS Pearson r", "cfimdb": "CFIMDB accuracy"}
PUBLISHED = {"marker": "D", "color": BLACK, "mfc": "white", "ms": 6, "ls": "none"}  # published numbers look like this everywhere
WIDE, TALL = 7.2, 3.4  # inches: a figure's usual size
RC = {
    "figure.figsize": (WIDE, TALL),
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.facecolor": "white",
    "axes.edgecolor": "#444444",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "minbert",
}


def use():
    """Take this look for the rest of a notebook."""
    import matplotlib
    from cycler import cycler

    matplotlib.rcParams.update(RC)
    matplotlib.rcParams["axes.prop_cycle"] = cycler(color=COLOURS)
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:  # else a figure that pyplot has not made shows as text
        from IPython.core.pylabtools import select_figure_formats

        select_figure_formats(shell, {"png"})


@contextmanager
def look():
    """This look inside the block only."""
    import matplotlib
    from cycler import cycler

    with matplotlib.rc_context({**RC, "axes.prop_cycle": cycler(color=COLOURS)}):
        yield


def band(axes, x, runs, colour, label=None, **kwargs):
    """The mean over runs (n runs, points) as a line, every run thin behind it; few runs are shown, not summarised."""
    import numpy as np

    runs = np.asarray(runs, float)
    for run in runs:
        axes.plot(x, run, color=colour, alpha=0.25, lw=0.9)
    return axes.plot(x, np.nanmean(runs, axis=0), color=colour, label=label, marker="o", **kwargs)


def name_points(axes, names, x, y, size=6.8, radius=3):
    """Write each point's name at the first place beside it where neither a point nor another name stands."""
    from matplotlib.textpath import TextPath

    axes.figure.draw_without_rendering()  # from here on it is known where on the page a point is
    points = axes.transData.transform(list(zip(x, y))) * 72 / axes.figure.dpi
    taken = [(across - radius, up - radius, across + radius, up + radius) for across, up in points]
    first, last = (edge * 72 / axes.figure.dpi for edge in (axes.bbox.x0, axes.bbox.x1))
    named = [one for one in zip(names, zip(x, y), points) if one[0]]
    for name, place, (across, up) in sorted(named, key=lambda one: -one[2][1]):
        wide = TextPath((0, 0), name, size).get_extents().width
        for right, rise in ((True, 3), (False, 3), (True, -3 - size), (False, -3 - size), (True, -4 - 2 * size)):
            left, low = across + radius + 1 if right else across - radius - 1 - wide, up + rise
            box = (left, low, left + wide, low + size)
            if (
                first < left
                and box[2] < last
                and not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken)
            ):
                break
        taken.append(box)
        side = {"ha": "left" if right else "right", "va": "bottom"}
        axes.annotate(
            name, place, (radius + 1 if right else -radius - 1, rise - 1), textcoords="offset points", fontsize=size, **side
        )


def distinct(count):
    """So many colours: the palette's or, where it has too few, shades that lighten evenly, for colour-blind eyes too."""
    import matplotlib

    if count <= len(COLOURS):
        return COLOURS[:count]
    return [matplotlib.colors.to_hex(matplotlib.colormaps["viridis"](0.92 * place / (count - 1))) for place in range(count)]


def plain_log(axis, steps=(1,)):
    """Numbers like 0.001 and no minor ticks on a log axis: 10⁻³ and the little lines take longer than all else that a slider draws."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def caption(figure, text):
    """The lines under a figure that say which records, model and data it shows; a long one is broken to the figure's width."""
    width = int(16 * figure.get_figwidth())  # letters of this size in a line
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, width)]
    figure.supxlabel("\n".join(lines), fontsize=7.5, color="#555555", x=0.01, ha="left")
