"""The CORS policy, managed by the template: updates replace this folder, so edit nothing here."""
