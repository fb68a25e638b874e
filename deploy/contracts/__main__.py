"""`python -m deploy.contracts [FOLDER]` writes schemas/exported anew."""

import sys
from pathlib import Path

from deploy.contracts.export import FOLDER, write

write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
