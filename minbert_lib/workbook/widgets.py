"""Pictures that answer while she moves a slider.

Notable choices: a picture is an <img> in an `ipywidgets.HTML`, replaced as a whole (an `Output` stalls when notebooks are run
without a browser, and is slower; an `ipywidgets.Image` has no place for the words that stand for the picture). A slider draws when
it comes to rest. Outside a notebook the first picture is returned as a plain figure. Works with ipywidgets 7 (Colab) and 8.
"""

import base64
import html
import io

import numpy as np

from .show import in_notebook


def explore(draw, alt="", **controls):
    """Show `draw(**values)`, a matplotlib Figure, with a control for every value.

    (low, high, start) is a slider (whole numbers if all three are), a list a choice (first is shown first), True/False
    a tick box, a text a text field; a function of the controls before it gives the list of a choice that depends on them.
    `alt` says in words what the picture shows.
    """
    first, lists = {}, {name: spec for name, spec in controls.items() if callable(spec)}
    for name, spec in controls.items():
        controls[name] = spec(**first) if name in lists else spec
        first[name] = _start(controls[name])
    if not in_notebook():
        return draw(**first)
    import ipywidgets as widgets

    boxes = {name: _control(widgets, name, spec) for name, spec in controls.items()}
    picture = widgets.HTML(_img(draw(**first), alt))
    note = widgets.HTML(_words(alt))

    def values():
        found = {}
        for name, box in boxes.items():
            if name in lists and list(box.options) != (options := lists[name](**found)):
                kept = box.value if box.value in options else options[0]
                box.unobserve(redraw, names="value")  # one picture for one move
                box.options, box.value = options, kept
                box.observe(redraw, names="value")
            found[name] = box.value
        return found

    def redraw(_):
        try:
            picture.value = _img(draw(**values()), alt)
            note.value = _words(alt)
        except Exception as error:  # what she typed may make no sense; say so under the last good picture
            note.value = _words(f"{type(error).__name__}: {error}")

    for box in boxes.values():
        box.observe(redraw, names="value")
    return widgets.VBox([widgets.HBox(list(boxes.values()), layout={"flex_flow": "row wrap"}), picture, note])


def _start(spec):
    if isinstance(spec, tuple):
        return spec[2]
    return spec[0] if isinstance(spec, list) else spec


def _control(widgets, name, spec):
    label = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    if isinstance(spec, tuple):
        low, high, start = spec
        if all(isinstance(number, int) for number in spec):
            return widgets.IntSlider(value=start, min=low, max=high, continuous_update=False, **label)
        step = (high - low) / 50
        return widgets.FloatSlider(
            value=start, min=low, max=high, step=step, continuous_update=False, readout_format=".3g", **label
        )
    if isinstance(spec, bool):
        return widgets.Checkbox(value=spec, **label)
    if isinstance(spec, list):
        return widgets.Dropdown(options=spec, value=spec[0], **label)
    return widgets.Text(value=spec, continuous_update=False, layout={"width": "32em"}, **label)


def _img(figure, alt):
    """The figure as an <img>; its size is given beforehand, so that the page does not jump while the bytes are read."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(110)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # once; savefig would do it twice, and pack the bytes for a second time as long
    wide, high = canvas.get_width_height()
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(buffer, "png", compress_level=1)
    png = buffer.getvalue()
    return (
        f'<img tabindex="0" alt="{html.escape(alt)}" width="{wide}" height="{high}" style="max-width:100%;height:auto" '
        f'src="data:image/png;base64,{base64.b64encode(png).decode()}">'
    )


def _words(text):
    return f'<span role="status" style="opacity:.75;font-size:.85em">{html.escape(text)}</span>'
