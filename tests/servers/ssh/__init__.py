"""SSH servers within the test, and logins over SSH."""
