"""JupyterLab on a copy of the notebooks, and Chromium to use it as a learner does.

Notable choices. The server has its own folders for settings, data and run files, a token, and goes away when nobody uses it for
some minutes, so that a killed test leaves nothing behind. Nothing is asked of a page before its context, its session and its
kernel's connection are there: "run all" fired earlier opens a dialog and waits for ever. All cells stay attached
(`windowingMode`), so that what lies below the fold can be looked at too.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from minbert_lib.workbook import notebooks

SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
READY = """async () => {
    await jupyterapp.restored;
    const until = async (test) => { while (!test()) await new Promise(done => setTimeout(done, 50)); };
    await until(() => jupyterapp.shell.currentWidget?.context?.sessionContext);
    const panel = jupyterapp.shell.currentWidget;
    await panel.context.ready;
    await panel.context.sessionContext.ready;
    await until(() => panel.context.sessionContext.session?.kernel?.connectionStatus === "connected");
    await panel.context.sessionContext.session.kernel.info;
}"""
RUN_ALL = """() => { window.ranAll = false;
    jupyterapp.commands.execute("notebook:run-all-cells").then(() => { window.ranAll = true; }); }"""
IDLE = """() => window.ranAll !== false
    && jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status === "idle"
    && jupyterapp.shell.currentWidget.content.widgets.every(cell => cell.model.executionState !== "running"
        && cell.promptNode?.textContent !== "[*]:")
    && !document.querySelector(".jp-Notebook")?.textContent.includes("Loading widget")"""
ERRORS = """() => jupyterapp.shell.currentWidget.context.model.toJSON().cells.flatMap((cell, number) =>
    (cell.outputs ?? []).filter(output => output.output_type === "error")
        .map(output => `cell ${number}: ${output.ename}: ${output.evalue}`))
    .concat([...document.querySelectorAll(".jp-Notebook .jp-RenderedWidget, .jupyter-widgets")]
        .filter(node => /Error displaying widget|Error creating widget/.test(node.textContent)).map(node => node.textContent))"""
WIDE = """() => [...document.querySelectorAll(".jp-Notebook, .jp-OutputArea-output, .jp-MarkdownOutput")]
    .filter(node => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0)
    .map(node => `${node.className}: ${node.scrollWidth} in ${node.clientWidth} pixels: ${node.textContent.slice(0, 60)}`)
    .concat(document.documentElement.scrollWidth > innerWidth ? ["the page itself"] : [])"""
NOTEBOOK = "jupyterapp.shell.currentWidget.content"
CONTROLS = ".noUi-handle, select, input[type=checkbox], input[type=text]"
STATE = "node => [node.getAttribute('aria-valuetext'), node.value, node.checked].join()"  # valuenow is rounded to a decimal
CHANGED = "([box, before]) => { const now = box.querySelector('img'); return now.complete && now.src !== before; }"
KEYS = {  # on a closed list JupyterLab takes the arrows for itself, so it is opened first
    "DIV": [["ArrowRight"], ["ArrowLeft"], ["PageUp"], ["PageDown"]],
    "SELECT": [[" ", "ArrowDown", "Enter"], [" ", "ArrowUp", "Enter"]],
    "INPUT": [[" "]],
}


def chromium():
    """The browser's path, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


class Lab:
    """A JupyterLab server with its root in `folder`; `with Lab(folder) as lab`."""

    def __init__(self, folder):
        self.folder, self.token = folder, secrets.token_hex(24)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def __enter__(self):
        own = self.folder / "jupyter"
        for name, content in SETTINGS.items():
            file = own / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content))
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", "--expose-app-in-browser"]
        command += [f"--ServerApp.port={self.port}", f"--ServerApp.root_dir={self.folder}", *notebooks.QUIET]
        command += [f"--LabApp.user_settings_dir={own / 'settings'}", f"--LabApp.workspaces_dir={own / 'workspaces'}"]
        command += ["--MappingKernelManager.cull_idle_timeout=300", "--ServerApp.shutdown_no_activity_timeout=120"]
        command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        places = {f"JUPYTER_{name}_DIR": str(own / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
        environment = notebooks.kernel_environment(self.folder / "notebooks", "tiny")
        environment |= places | {"JUPYTER_TOKEN": self.token, "MINBERT_HOME": str(self.folder / "home")}
        self.log = open(self.folder / "lab.log", "w+b")  # closed in __exit__
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=self.log, stderr=self.log, start_new_session=True
        )
        self.wait()
        return self

    def wait(self, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api?token={self.token}", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        said = (self.folder / "lab.log").read_text()[-2000:]
        self.__exit__()
        raise AssertionError(f"JupyterLab did not start: {said}")

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(60)
        self.log.close()

    def address(self, path):
        return f"http://127.0.0.1:{self.port}/lab/tree/{path}?reset&token={self.token}"


class Page:
    """One notebook in one tab."""

    def __init__(self, context, lab, path):
        from playwright.sync_api import TimeoutError

        self.page, self.problems, self.too_long = context.new_page(), [], TimeoutError
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.goto(lab.address(path), timeout=120_000)
        self.page.wait_for_function("() => window.jupyterapp !== undefined", timeout=120_000)
        self.page.evaluate(READY)

    def run_all(self, seconds=600):
        self.page.evaluate(RUN_ALL)
        self.wait(seconds)

    def wait(self, seconds=120):
        self.page.wait_for_function(IDLE, timeout=1000 * seconds, polling=100)

    def errors(self):
        return self.page.evaluate(ERRORS) + self.problems

    def wide(self):
        """What is wider than its place."""
        return self.page.evaluate(WIDE)

    def close(self):
        """Shut the kernel down too: ten of them would fill a small machine."""
        self.page.evaluate("async () => { await jupyterapp.shell.currentWidget.context.sessionContext.shutdown(); }")
        self.page.close(run_before_unload=False)

    # cells

    def find(self, text):
        """The number of the first code cell that contains a text."""
        cells = self.page.evaluate(f"() => {NOTEBOOK}.widgets.map(cell => [cell.model.type, cell.model.sharedModel.source])")
        return next(number for number, (kind, source) in enumerate(cells) if kind == "code" and text in source)

    def cell(self, number):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def said(self, number):
        return self.cell(number).locator(".jp-Cell-outputWrapper").inner_text()

    def write_gap(self, number, lines):
        """Replace a cell's lines after the first by typing, as a learner's hands do; then Shift+Enter."""
        keys = self.page.keyboard
        self.page.evaluate(f"() => {{ {NOTEBOOK}.activeCellIndex = {number}; }}")
        self.cell(number).locator(".cm-content").focus()
        for key in ("Control+Home", "End", "Control+Shift+End"):
            keys.press(key)
        for line in lines:
            keys.press("Enter")  # the editor indents
            keys.type(line)
        keys.press("Shift+Enter")

    def run_cell(self, number):
        self.page.evaluate(f"() => {{ {NOTEBOOK}.activeCellIndex = {number}; {NOTEBOOK}.mode = 'command'; }}")
        self.page.evaluate("() => jupyterapp.shell.currentWidget.activate()")
        self.page.keyboard.press("Control+Enter")
        self.wait()

    # widgets

    def widgets(self):
        """Each widget, and its controls."""
        self.wait()
        boxes = self.page.locator(".jp-Notebook .widget-vbox:has(img)")
        boxes.first.wait_for()
        return [(box, box.locator(CONTROLS).all()) for box in boxes.all()]

    def label(self, control):
        return control.evaluate("node => node.closest('.widget-inline-hbox, .widget-checkbox').textContent")

    def tab_to_picture(self, box, controls):
        """From the first control by Tab alone, through all others, to the picture: is it reached?"""
        controls[0].focus()
        for _ in range(2 * len(controls) + 1):  # a slider's number is a stop of its own
            self.page.keyboard.press("Tab")
            if box.evaluate("box => document.activeElement === box.querySelector('img')"):
                return True
        return False

    def move(self, box, control, typed="superb ", seconds=15):
        """Work a control by keyboard until its picture changes: milliseconds from key to picture, or None if it never does."""
        text = control.get_attribute("type") == "text"
        for keys in [["Home", *typed, "Enter"]] if text else KEYS[control.evaluate("node => node.tagName")]:
            before, state = box.locator("img").get_attribute("src"), control.evaluate(STATE)
            control.focus()
            for key in keys:
                start = time.perf_counter()
                self.page.keyboard.press(key)
            if control.evaluate(STATE) == state:  # it stands at its end already
                continue
            try:
                self.page.wait_for_function(CHANGED, arg=[box.element_handle(), before], timeout=1000 * seconds)
                return 1000 * (time.perf_counter() - start)
            except self.too_long:
                self.wait()
        return None

    def shoot(self, file, theme=None):
        """A picture of the whole notebook, in a theme."""
        if theme:
            self.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        size = self.page.viewport_size
        heights = "() => [...document.querySelectorAll('.jp-Notebook .jp-Cell')].map(cell => cell.offsetHeight)"
        height = sum(self.page.evaluate(heights)) + 200
        self.page.set_viewport_size({"width": size["width"], "height": max(size["height"], min(height, 16_000))})
        self.page.evaluate("() => { document.querySelector('.jp-Notebook .jp-WindowedPanel-outer').scrollTop = 0; }")
        self.page.wait_for_timeout(700)  # the theme's style sheet, and the layout
        file.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=file)
        self.page.set_viewport_size(size)
