"""`python -m headerguard` is the command."""

import sys

from headerguard.cli import main

sys.exit(main())
