"""Make this Python find charm libraries in the packages that contain them.

The tests and pyright then import from `charms` what `charmcraft pack` would have fetched.
"""

import sysconfig
from pathlib import Path

site = Path(sysconfig.get_path("purelib"))
(site / "charm_libraries.pth").write_text("opensearch_single_kernel/lib\n")
