"""Have this Python look for charm libraries in the packages that carry them, too.

The tests and pyright then find in `charms.` what `charmcraft pack` would have fetched.
"""

import sysconfig
from pathlib import Path

site = Path(sysconfig.get_path("purelib"))
(site / "charm_libraries.pth").write_text("opensearch_single_kernel/lib\n")
