"""What comes with paramiko."""

from __future__ import annotations

import subprocess
import sys


def test_paramiko_comes_without_invoke() -> None:
    code = "import sys, ftpcli.session.sftp.login; print('paramiko' in sys.modules, 'invoke' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "False"]
