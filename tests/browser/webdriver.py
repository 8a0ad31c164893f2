"""A browser, driven over the WebDriver protocol (W3C) with nothing but the standard library."""

import base64
import json
import shutil
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

    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}"
        self.folder = tempfile.mkdtemp(prefix="geosteer-browser-")
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.session = None
        wait(lambda: self.ask("GET", "/status")["ready"], "chromedriver is ready", 30)
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
            self.driver.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
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
        self.ask("POST", f"{self.session}/element/{self.find(css)}/click", {})

    def type(self, css, text):
        self.ask("POST", f"{self.session}/element/{self.find(css)}/value", {"text": text})

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


def wait(holds, what, seconds=30):
    """Waits until something holds; its value. Fails with `what` after so many seconds."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            value = holds()
            if value:
                return value
        except (OSError, RuntimeError) as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what} ({last})")
