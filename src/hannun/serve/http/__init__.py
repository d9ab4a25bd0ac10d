"""HTTP requests go in, JSON, pictures and pages come out: one collection as a service, seen through the face alone."""
