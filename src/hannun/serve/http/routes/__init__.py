"""Requests go in, responses come out: a file for the routes of each kind; each builds the APIRouter of a Service."""
