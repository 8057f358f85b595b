"""`python -m destination_client`, the same as `destination`."""

from destination_client.main import app

if __name__ == "__main__":
    app(prog_name="destination")
