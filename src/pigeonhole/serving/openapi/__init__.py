"""The description of the server's interface for programs: OpenAPI 2.0 (Swagger), 3.0 and 3.1. Answers no request."""
