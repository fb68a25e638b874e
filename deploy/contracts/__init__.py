"""What other systems build on, as files: OpenAPI, AsyncAPI and JSON Schemas, made from the code."""
