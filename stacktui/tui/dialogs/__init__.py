"""Small windows that ask one thing and close."""
