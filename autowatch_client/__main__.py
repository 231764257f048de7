"""`python -m autowatch_client`: the command `autowatch`."""

import sys

from autowatch_client.command.app import main

if __name__ == "__main__":
    sys.exit(main())
