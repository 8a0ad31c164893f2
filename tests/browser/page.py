"""What people do on the page, and what they then see there: the steps that `run` and `walk` have in common."""

import contextlib
import signal
import sys
import time

from webdriver import Browser, wait

BAD = "#problems .problem.bad:first-child"


@contextlib.contextmanager
def step(title):
    """Prints how long a step took."""
    start = time.monotonic()
    yield
    print(f"{time.monotonic() - start:6.1f} s  {title}", flush=True)


def end_when_told():
    """A limit on the whole run ends it in good order: no server and no browser stays."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("browser: ended from outside"))


@contextlib.contextmanager
def browsing(pictures):
    """A browser; if what is done with it fails, a picture of that and what its console said."""
    browser = Browser()
    try:
        yield browser
    except BaseException:
        # What failed is the news, not that there is no picture of it.
        with contextlib.suppress(Exception):
            browser.picture(pictures / "failed.png", 1280, 900)
        with contextlib.suppress(Exception):
            print("the console said:", *browser.complaints(), sep="\n  ")
        raise
    finally:
        browser.close()


def complaints(browser, *expected):
    """Errors on the console but the statuses that are expected. That a busy server says so (429) is none: the page asks
    again."""
    return [line for line in browser.complaints() if not any(f"status of {code}" in line for code in (429, *expected))]


def country(browser, code):
    return browser.run("return document.querySelector(`[data-country=${arguments[0]}]`)?.dataset.pool", code)


def is_served(browser, **pools):
    return all(country(browser, code) == pool for code, pool in pools.items())


def sees_the_failure(browser):
    """The dead pool is the first problem, is red, and says where its clients are."""
    wait(lambda: "Pool lon is DOWN" in browser.text(BAD), "the dead pool is the first problem")
    wait(lambda: "its clients go to nyc" in browser.text(BAD), "it says where the clients are")
    wait(lambda: is_served(browser, DE="nyc", ZA="syd"), "Europe and Africa change colour")
    colour = "return getComputedStyle(document.querySelector(arguments[0] + ' .sign')).color.match(/\\d+/g).map(Number)"
    red, green, _ = browser.run(colour, BAD)
    assert red > 2 * green, "the sign is red"


def sees_the_recovery(browser):
    wait(lambda: browser.run("return document.querySelector('#problems .bad') === null"), "no problem is left")
    wait(lambda: is_served(browser, DE="lon", ZA="lon"), "Europe and Africa are back")


def asks_what_would_change(browser, verb, token=None):
    """Fills in the dialog for the pool lon and asks for the dry run; `token` is typed if the server asks for it."""
    browser.click('[data-key="pool/lon"]')
    browser.type("#drain [name=reason]", "new switches")
    browser.run("document.querySelector('#drain [name=owner]').value = ''")
    browser.type("#drain [name=owner]", "alice")
    assert browser.run("return document.querySelector('#drain .danger').disabled"), "no order without a dry run"
    browser.click("#drain [type=submit]")
    if token:
        wait(lambda: browser.run("return document.querySelector('#token').open"), "the token is asked for")
        browser.type("#token-value", token)
        browser.click("#token [type=submit]")
    wait(lambda: browser.run("return document.querySelector('#drain .danger').disabled === false"), f"the dry run of {verb} is there")
    assert "europe" in browser.text("#drain table"), browser.text("#drain")
    overrides = browser.run("return fetch('/api/v1/status').then((said) => said.json()).then((told) => told.overrides.length)")
    assert overrides == (verb == "undrain"), "the dry run changes nothing"


def gives_the_order(browser):
    browser.click("#drain .danger")


def sees_the_drain(browser):
    """The countdown runs; on a slow machine it may be over before it is first seen."""
    wait(lambda: "Safe to switch off" in browser.text("#overrides .safe"), "the countdown runs")
    assert "alice: new switches" in browser.text("#overrides")


def sees_that_it_is_safe(browser):
    wait(lambda: "Safe to switch off since" in browser.text("#overrides .safe"), "it is safe to switch off")
    wait(lambda: is_served(browser, DE="nyc", ZA="syd"), "Europe and Africa went on")


def sees_it_back(browser):
    wait(lambda: browser.text("#overrides") == "", "the override is gone")
    wait(lambda: is_served(browser, DE="lon", ZA="lon"), "Europe and Africa are back")
