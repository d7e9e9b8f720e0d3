"""The service. `main` holds the application, `settings` what it reads from the environment."""
