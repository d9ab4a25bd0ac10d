"""`python -m hannun.recipes.mini`: the command's arguments go in, the embedded weights come out."""

from hannun.errors import HannunError
from hannun.recipes.mini.recipe import main

if __name__ == "__main__":
    try:
        main()
    except HannunError as e:
        raise SystemExit(f"error: {e}") from None
