"""The data plane over HTTP: this package only translates."""
