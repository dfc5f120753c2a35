"""The files that a description is made of: a change of any of them may change it.

Follows `parts.py`, and `describe.py` follows, in one text.
"""

#: Folders of what is installed, which changes by another version of it and not by an edit.
INSTALLED = ("site-packages", "dist-packages")
STANDARD = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), "")


def files(asked, read, paths):
    """The sources of what was asked for and read, and of all that came with it from beside it.

    What a value is made of, such as a default, does not tell its module: so whatever importing has brought
    in counts if it lies where the modules that were asked for may have come from.
    """
    names = asked | {name for name in read if not is_pythons(source_of(name))}
    for name in list(names):
        parts = name.split(".")
        names.update(".".join(parts[:end]) for end in range(1, len(parts)))
    packages = {name.split(".")[0] for name in asked}
    names.update(name for name in list(sys.modules) if name.split(".")[0] in packages)
    roots = [*paths, *here(), *(home for package in packages for home in homes(package))]
    found = {source_of(name) for name in names}
    found.update(file for file in map(source_of, list(sys.modules)) if is_beside(file, roots))
    return sorted(found - {None})


def source_of(name):
    """The file of a module, if there is one."""
    try:
        file = vars(sys.modules[name]).get("__file__")
    except Exception:
        return None
    return os.path.abspath(file) if isinstance(file, str) and os.path.isfile(file) else None


def here():
    """The current folder, if there still is one."""
    try:
        return [os.getcwd()]
    except OSError:
        return []


def homes(package):
    """The folders that a package, or a module outside of any, was found in."""
    try:
        parts = [*vars(sys.modules[package]).get("__path__", ())]
    except Exception:
        parts = []
    found = parts or [source_of(package)]
    return [os.path.dirname(os.path.abspath(one)) for one in found if one and os.path.exists(one)]


def is_installed(file):
    return any(part in INSTALLED for part in file.split(os.sep))


def is_pythons(file):
    """Whether a file is of the standard library, below which others may be installed."""
    return bool(file) and file.startswith(STANDARD) and not is_installed(file)


def is_beside(file, roots):
    """Whether a file lies in one of these folders, and is neither Python's nor installed."""
    if not file or is_pythons(file) or is_installed(file):
        return False
    return any(file.startswith(os.path.join(root, "")) for root in roots)
