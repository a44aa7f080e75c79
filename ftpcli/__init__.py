"""ftpcli: FTP, FTPS and SFTP transfers that are right, fast and kind."""

__version__ = "0.1.0"
