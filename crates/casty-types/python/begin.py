# Runs in any Python there is: the rest needs 3.12.
import sys

if sys.version_info < (3, 12):
    found = ".".join(str(part) for part in sys.version_info[:3])
    print('{"casty_types": 1, "error": {"kind": "old", "found": "%s"}}' % found)
    sys.exit(0)
exec(compile(sys.stdin.read(), "<casty-types>", "exec"))
