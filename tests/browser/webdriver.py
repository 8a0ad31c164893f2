"""A browser, driven over the WebDriver protocol (W3C) with nothing but the standard library."""

import base64
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]


class Browser:
    """Headless Chromium. Every wait has an end."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="geosteer-browser-"))
        self.session = None
        log = self.folder / "driver.log"
        with log.open("w") as out:
            # A group of its own, so that no process of it stays; what Chromium keeps in a home goes away, too.
            self.driver = subprocess.Popen(
                ["chromedriver", "--port=0"], stdout=out, stderr=out, start_new_session=True,
                env=os.environ | {"HOME": str(self.folder)},
            )
        try:
            port = wait(lambda: re.search(r"successfully on port (\d+)", log.read_text()), "chromedriver has a port", 60)[1]
            self.base = f"http://127.0.0.1:{port}"
            wait(lambda: self.ask("GET", "/status")["ready"], "chromedriver is ready", 60)
            self.begin()
        except BaseException:
            print(log.read_text())
            self.close()
            raise

    def begin(self):
        options = {
            "goog:chromeOptions": {"args": ARGUMENTS + [f"--user-data-dir={self.folder}"]},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        told = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": options}})
        self.session = f"/session/{told['sessionId']}"

    def close(self):
        try:
            if self.session:
                self.ask("DELETE", self.session)
        except OSError:
            pass
        self.driver.terminate()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.driver.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.driver.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=240) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].splitlines()[0]) from None

    def open(self, url):
        self.ask("POST", self.session + "/url", {"url": url})

    def run(self, script, *arguments):
        """What a script returns; `arguments` are its arguments."""
        return self.ask("POST", self.session + "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, css):
        return self.ask("POST", self.session + "/element", {"using": "css selector", "value": css})[ELEMENT]

    def click(self, css):
        """Clicks. The page draws itself anew all the time: an element that went away or moved meanwhile is looked for again."""
        wait(lambda: self.act(css, "click", {}), f"{css} can be clicked")

    def type(self, css, text):
        wait(lambda: self.act(css, "value", {"text": text}), f"{css} can be written to")

    def act(self, css, verb, body):
        self.ask("POST", f"{self.session}/element/{self.find(css)}/{verb}", body)
        return True

    def text(self, css):
        return self.run("return document.querySelector(arguments[0])?.textContent ?? ''", css)

    def complaints(self):
        """Errors and violations of the policy that the console was told since the last call."""
        log = self.ask("POST", self.session + "/se/log", {"type": "browser"})
        return [entry["message"] for entry in log if entry["level"] in ("SEVERE", "WARNING")]

    def emulate(self, command, **parameters):
        self.ask("POST", self.session + "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def picture(self, file, width, height, dark=False):
        """Keeps the whole page as a picture, in this width."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.emulate("Emulation.setEmulatedMedia", features=scheme)
        self.emulate("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        time.sleep(0.6)
        full = self.run("return document.documentElement.scrollHeight")
        modal = self.run("return Boolean(document.querySelector('dialog[open]'))")
        if not modal:
            self.emulate("Emulation.setDeviceMetricsOverride", width=width, height=min(full, 4000), deviceScaleFactor=1, mobile=False)
            time.sleep(0.3)
        with open(file, "wb") as out:
            out.write(base64.b64decode(self.ask("GET", self.session + "/screenshot")))
        wide = self.run("return document.documentElement.scrollWidth")
        assert wide <= width, f"{file}: the page is {wide} wide, the window {width}"


def wait(holds, what, seconds=60):
    """Waits until something holds; its value. Fails with `what` after so many seconds, in which it was really looked at
    twice a second: a machine that stood still meanwhile, and everything on it, is given the time that it lost."""
    end = time.monotonic() + seconds
    looks, last = 0, None
    while time.monotonic() < end or looks < 2 * seconds:
        looks += 1
        try:
            value = holds()
            if value:
                return value
        except (OSError, RuntimeError) as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what} ({last})")
