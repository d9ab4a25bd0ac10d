"""Requests go in, responses come out: each file has the routes of one kind of path, and reads the Service from the application."""
