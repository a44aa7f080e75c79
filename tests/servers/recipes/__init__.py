"""How each real server is configured and started; ``tests.servers.real`` does it."""
