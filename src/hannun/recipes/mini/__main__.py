"""`python -m hannun.recipes.mini`: the command's arguments go in, the embedded weights come out."""

from hannun.recipes.mini.recipe import main

if __name__ == "__main__":
    main()
