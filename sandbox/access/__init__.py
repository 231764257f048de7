"""Who may do what in the sandbox: keys, signatures, and the policies of the stack as AWS evaluates them."""
