"""What people and programs call: the command line here, later HTTP, a page and MCP. Everything below is reached by the face."""
