"""A package index on loopback: small packages that were released twice, and a lock of the first."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

OLD, NEW = "1.0", "2.0"

# What PEP 517 and 660 ask of a build tool, as short as it can be: an empty project of our name.
BACKEND = """
import zipfile
NAME = "heparin_cds-0.1.0"
FILES = {
    "METADATA": "Metadata-Version: 2.1\\nName: heparin-cds\\nVersion: 0.1.0\\n",
    "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "RECORD": "",
}
def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/{NAME}-py3-none-any.whl", "w") as wheel:
        for file, lines in FILES.items():
            wheel.writestr(f"{NAME}.dist-info/{file}", lines)
    return f"{NAME}-py3-none-any.whl"
build_editable = build_wheel
"""

# name -> (what a release of this version wants, the module's text). As coverage[toml] was wanted by
# pytest-cov: alpha wants an extra of beta, and the extra wants gamma.
PACKAGES: Mapping[str, tuple[str, str]] = {
    "alpha": ("Requires-Dist: beta[extra] (>=1.0)\n", ""),
    "beta": ('Provides-Extra: extra\nRequires-Dist: gamma (>={0}); extra == "extra"\n', ""),
    "gamma": ("", ""),
    "backend": ("", BACKEND),
}


def lock_of(folder: Path) -> str:
    """The first release of each package, with its hash."""
    lines = []
    for name in PACKAGES:
        (wheel,) = (folder / "simple" / name).glob(f"*-{OLD}-*.whl")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(f"{name}=={OLD} \\\n    --hash=sha256:{digest}")
    return "\n".join(lines) + "\n"


def release(folder: Path, version: str) -> None:
    """Publish every package in this version."""
    for name, (wants, text) in PACKAGES.items():
        place = folder / "simple" / name
        place.mkdir(parents=True, exist_ok=True)
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": f"VERSION = {version!r}\n{text}",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            + wants.format(version),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
        with zipfile.ZipFile(place / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            for path, content in {**files, f"{info}/RECORD": record}.items():
                wheel.writestr(path, content)


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The index's URL; a folder's listing is a page that pip can read."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
