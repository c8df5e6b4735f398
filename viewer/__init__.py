"""The web page on localhost:8080; it speaks to the broker only."""
