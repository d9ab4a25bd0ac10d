"""`python -m hannun`: the command's arguments go in, what it prints and its exit status come out."""

from hannun.serve.cli.main import main

if __name__ == "__main__":
    main()
