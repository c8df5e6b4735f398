"""Decision: from lane measurements to one safe steering and speed command."""
