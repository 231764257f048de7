"""The client behind `make train`, `make runs` and `make rollback`; it knows the stack only from outside."""
