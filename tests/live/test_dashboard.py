"""The dashboard in a real browser, where one is installed."""

import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def look(url, folder, *words):
    quiet = (
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update", "--disable-quic"),
    )
    seen = subprocess.run(  # noqa: S603 - the browser is the system's
        [
            str(CHROMIUM),
            *quiet,
            f"--user-data-dir={folder / 'browser'}",
            "--virtual-time-budget=4000",
            *words,
            url,
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return seen.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_a_browser_shows_what_the_server_does(start, tmp_path):
    server = start("--log", str(tmp_path / "log"))
    red = "a red circle <b>moving</b> left"
    for prompt, seed in ((red, 1), (red + " now", 2), (red, 1)):
        assert server.post(prompt, "/sync", seed=seed).status_code == 200
    # A chart needs two samples, which the server takes at its own pace.
    for _ in range(5):
        page = look(server.url, tmp_path, "--window-size=390,1200", "--dump-dom")
        charts = page.split("<svg")[1:]
        if all("<path" in chart for chart in charts):
            break
    assert re.search(r'<span id="status"[^>]*>serving</span>', page), page[-2000:]
    assert "<b>66.7 %</b>" in page
    assert "3 answers" in page
    assert len(charts) == 6
    assert all("<path" in chart for chart in charts)
    assert "NaN" not in page
    # Three videos and two donors are shown, and a prompt is text and nothing else.
    assert len(re.findall(r'<img alt="frames of[^"]*" src="blob:', page)) == 5
    assert "a red circle &lt;b&gt;moving&lt;/b&gt; left" in page
