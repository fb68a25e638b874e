"""`hypercare`, or `python -m services`."""

from services.cli import main

if __name__ == "__main__":
    main()
