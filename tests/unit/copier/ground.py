"""Two volumes to copy between, trees to fill them with, and a walker that shares nothing with the copier's."""

import errno
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from hypothesis import strategies as st

from scenario_operator.copier import mark
from scenario_operator.copier.course import Progress, copy
from scenario_operator.copier.mark import NAME, Mark, Order, State
from scenario_operator.copier.tree import Folder
from scenario_operator.copier.verdict import Failure, Side

PLAIN = 65534
"""A user and group without any right of its own, as in a pod under PodSecurity restricted."""
STRANGER = 12345
IS_ROOT = os.geteuid() == 0
BLOCK = 64 << 10


def _quick() -> Path | None:
    """Return a directory in memory that keeps all a disk keeps, None if there is none."""
    memory = Path("/dev/shm")
    if memory.is_dir():
        with tempfile.NamedTemporaryFile(dir=memory) as probe:
            try:
                os.setxattr(probe.name, "user.probe", b"")
            except OSError:
                return None
            return memory
    return None


QUICK = _quick()
"""Where volumes are that are made hundreds of times: what they show does not depend on the disk."""


@contextmanager
def plain_user() -> Iterator[None]:
    """Act as a user without capabilities, if the tests are root."""
    if not IS_ROOT:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(PLAIN)
    os.seteuid(PLAIN)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def remove(directory: Path) -> None:
    """Remove a tree with directories that are closed to their owner."""
    for _, inner, _, fd in os.fwalk(directory):
        for name in inner:
            if stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
                os.chmod(name, 0o700, dir_fd=fd)
    shutil.rmtree(directory)


@dataclass(frozen=True)
class Ground:
    """Two empty volumes."""

    source: Path
    target: Path

    @classmethod
    @contextmanager
    def fresh(cls, within: Path | None = None) -> Iterator["Ground"]:
        """Make the volumes, the plain user's; they go with the context."""
        base = Path(tempfile.mkdtemp(prefix="copier-", dir=within))
        base.chmod(0o755)
        ground = cls(base / "source", base / "target")
        for volume in (ground.source, ground.target):
            volume.mkdir(mode=0o755)
            if IS_ROOT:
                os.chown(volume, PLAIN, PLAIN)
        try:
            yield ground
        finally:
            remove(base)

    def mark(self) -> Mark | None:
        with closing(Folder.root(str(self.target), Side.TARGET)) as root:
            return mark.read(root)

    @property
    def state(self) -> State | None:
        found = self.mark()
        return found.state if found else None

    def refused(self, attempt: int = 1, plan: str = "plan") -> Failure:
        """Copy what cannot be copied; return why."""
        try:
            self.copy(attempt, plan)
        except Failure as failure:
            return failure
        raise AssertionError("it was copied")

    def steps(self, attempt: int = 1, plan: str = "plan", progress: Progress | None = None) -> Iterator[None]:
        order = Order("source-uid", plan, attempt)
        return copy(str(self.source), str(self.target), order, progress or Progress())

    def copy(self, attempt: int = 1, plan: str = "plan") -> Progress:
        """Copy to the end as the plain user."""
        progress = Progress()
        with plain_user():
            for _ in self.steps(attempt, plan, progress):
                pass
        return progress

    def stopped_after(self, count: int, attempt: int = 1) -> bool:
        """Copy so many steps, and no more; return whether the end was reached before."""
        with plain_user():
            steps = self.steps(attempt)
            done = sum(1 for _ in islice(steps, count))
            steps.close()  # type: ignore[attr-defined]  # it is a generator
        return done < count


# --- Trees ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """A regular file: bytes at offsets, holes between them."""

    parts: tuple[tuple[int, bytes], ...]
    size: int
    mode: int
    time: int
    attributes: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Special:
    """A link to `points_to`, or a fifo or a socket."""

    kind: int
    points_to: bytes
    time: int


@dataclass(frozen=True)
class Again:
    """Another name of the file that was made so many before."""

    back: int


@dataclass(frozen=True)
class Directory:
    """Entries by name."""

    entries: dict[bytes, "Node"] = field(hash=False)
    mode: int = 0o755
    time: int = 10**18


Node = File | Special | Again | Directory

_names = st.one_of(
    st.sampled_from(
        [b"a", b"b", b"state.db", b".hidden", b"lost+found", b" ", b"-rf", b"\xff\xfe", b"\n", b"\\"]
    ),
    st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"0")),
    st.just(b"x" * 255),
).filter(lambda name: name not in {b".", b".."})
_times = st.integers(0, 4 * 10**18)
_modes = st.integers(0, 0o1777)
_parts = st.lists(
    st.tuples(st.integers(0, 20).map(lambda block: block * BLOCK), st.binary(min_size=1, max_size=200)),
    max_size=3,
)
_files = st.builds(
    lambda parts, tail, mode, time, attributes: File(
        tuple(parts),
        max([offset + len(part) for offset, part in parts], default=0) + tail,
        mode | 0o400,
        time,
        tuple(attributes.items()),
    ),
    _parts,
    st.sampled_from([0, 0, 1, 4096, 5 * BLOCK]),
    _modes,
    _times,
    st.dictionaries(st.sampled_from(["user.a", "user.b.c"]), st.binary(max_size=40), max_size=2),
)
_links = st.builds(
    Special,
    st.just(stat.S_IFLNK),
    st.sampled_from([b"/etc/passwd", b"..", b"../..", b"a", b"no/such\xff", b"x" * 300]),
    _times,
)
_pipes = st.builds(Special, st.sampled_from([stat.S_IFIFO, stat.S_IFSOCK]), st.just(b""), _times)
_leaves = st.one_of(_files, _files, _links, _pipes, st.builds(Again, st.integers(0, 5)))


def _directories(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Directory]:
    return st.builds(
        Directory, st.dictionaries(_names, inner, max_size=5), _modes.map(lambda mode: mode | 0o500), _times
    )


trees = _directories(st.recursive(_leaves, _directories, max_leaves=12))


def build(tree: Directory, root: Path) -> None:
    """Make a tree below a root, as the plain user."""
    with plain_user():
        _fill(tree, root, [])


def _fill(tree: Directory, into: Path, files: list[Path]) -> None:
    for name, node in tree.entries.items():
        path = into / os.fsdecode(name)
        if isinstance(node, Directory):
            path.mkdir(0o700)
            _fill(node, path, files)
            path.chmod(node.mode)
            os.utime(path, ns=(node.time, node.time))
        elif isinstance(node, Again):
            if files:
                os.link(files[-1 - node.back % len(files)], path, follow_symlinks=False)
        else:
            _make(node, path)
            files.append(path)


def _make(node: File | Special, path: Path) -> None:
    if isinstance(node, Special):
        if node.kind == stat.S_IFLNK:
            path.symlink_to(os.fsdecode(node.points_to))
        else:
            os.mknod(path, node.kind | 0o640)
        os.utime(path, ns=(node.time, node.time), follow_symlinks=False)
        return
    with path.open("xb") as file:
        for offset, part in node.parts:
            file.seek(offset)
            file.write(part)
        file.truncate(node.size)
    for key, value in node.attributes:
        os.setxattr(path, key, value)
    path.chmod(node.mode)
    os.utime(path, ns=(node.time, node.time))


# --- What is there ----------------------------------------------------------------------------------


def seen(root: Path, *, owners: bool = False) -> dict[bytes, tuple[object, ...]]:
    """Describe all that lies below a root, but not the copier's mark and the root's lost+found directory."""
    found: dict[bytes, tuple[object, ...]] = {}
    inodes: dict[int, bytes] = {}
    for folder, directories, files in os.walk(root):
        directories.sort()
        if Path(folder) == root and "lost+found" in directories and not (root / "lost+found").is_symlink():
            directories.remove("lost+found")
        for name in sorted(directories + files):
            path = Path(folder, name)
            if path != root / NAME:
                relative = os.fsencode(path.relative_to(root))
                found[relative] = _described(path, relative, inodes, owners)
    return found


def _described(path: Path, relative: bytes, inodes: dict[int, bytes], owners: bool) -> tuple[object, ...]:
    status = path.lstat()
    same_as = relative if stat.S_ISDIR(status.st_mode) else inodes.setdefault(status.st_ino, relative)
    mode = 0 if stat.S_ISLNK(status.st_mode) else stat.S_IMODE(status.st_mode)
    content: object = b""
    if stat.S_ISREG(status.st_mode):
        content = path.read_bytes()
    elif stat.S_ISLNK(status.st_mode):
        content = os.fsencode(path.readlink())
    keys = os.listxattr(path, follow_symlinks=False)
    attributes = {key: os.getxattr(path, key, follow_symlinks=False) for key in keys}
    owner = (status.st_uid, status.st_gid) if owners else ()
    return stat.S_IFMT(status.st_mode), mode, status.st_mtime_ns, same_as, content, attributes, owner


def data(path: Path) -> set[int]:
    """Return the numbers of the blocks of 4 KiB of a file that hold data, as the file system tells."""
    found: set[int] = set()
    fd = os.open(path, os.O_RDONLY)
    try:
        position, size = 0, os.fstat(fd).st_size
        while position < size:
            try:
                start = os.lseek(fd, position, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                break
            position = os.lseek(fd, start, os.SEEK_HOLE)
            found |= set(range(start // 4096, -(-position // 4096)))
    finally:
        os.close(fd)
    return found


def tells_holes(directory: Path) -> bool:
    """Return whether the file system of a directory tells where the holes of a file are."""
    probe = directory / "probe"
    with probe.open("wb") as file:
        file.seek(1 << 20)
        file.write(b"x")
    try:
        return 0 not in data(probe)
    finally:
        probe.unlink()


def write(path: Path, content: bytes = b"content", mode: int = 0o644) -> Path:
    """Put a file of the plain user's."""
    with plain_user():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
    return path


def listen(path: Path) -> socket.socket:
    """Return a socket that a program listens on."""
    server = socket.socket(socket.AF_UNIX)
    with plain_user():
        server.bind(str(path))
    return server
