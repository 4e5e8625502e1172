"""The pages, the console and the API."""
