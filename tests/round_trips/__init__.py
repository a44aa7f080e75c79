"""One round of every command against real servers: what the matrix asks of scripted ones."""
