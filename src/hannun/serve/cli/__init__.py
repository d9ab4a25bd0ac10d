"""The command line: arguments go in, tables and files come out, mistakes come out as one line and a non-zero exit."""
