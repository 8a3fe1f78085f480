"""Write src/headerguard/disposable.txt: domains of mailboxes that anybody may read, or that vanish.

    pip install --upgrade disposable-email-domains && python scripts/lists.py > src/headerguard/disposable.txt

The list of freemail domains is kept by hand, as people know it.
"""

from datetime import UTC, datetime
from importlib.metadata import files, version

import disposable_email_domains

PACKAGE = "disposable-email-domains"
HEAD = """\
# Domains of mailboxes that are thrown away: anybody may read them, or they vanish. Written by scripts/lists.py.
# Date: {}
# Source: the list of the GitHub project disposable-email-domains, as the Python package {} {} carries it
# Licence: the list CC0-1.0, the package MIT"""


def main() -> None:
    """Write the list."""
    made = next(file for file in files(PACKAGE) or () if file.name == "__init__.py").locate().stat().st_mtime
    print(HEAD.format(datetime.fromtimestamp(made, UTC).date(), PACKAGE, version(PACKAGE)))
    print("\n".join(sorted(disposable_email_domains.blocklist)))


if __name__ == "__main__":
    main()
